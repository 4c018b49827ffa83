from .index import LEAST_PICTURES as LEAST_PICTURES
from .index import FolderIndex as FolderIndex
from .index import Kind as Kind
from .index import index_of as index_of
from .problem import FolderProblem as FolderProblem
from .reading import COLOUR as COLOUR
from .reading import GREY as GREY
from .settings import FolderSettings as FolderSettings

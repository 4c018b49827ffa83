from .familiar import learn_familiar as learn_familiar
from .inputs import search_inputs as search_inputs
from .inputs import training_inputs as training_inputs
from .run import train as train
from .study import create_storage as create_storage
from .study import search as search
from .trainer import Epoch as Epoch
from .trainer import Trainer as Trainer

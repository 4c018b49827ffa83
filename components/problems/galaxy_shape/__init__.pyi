from .problem import GalaxyShape as GalaxyShape

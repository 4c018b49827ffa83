from .comparison import compare as compare
from .overrides import Override as Override
from .overrides import overruled as overruled
from .rules import GateResult as GateResult
from .rules import judge as judge
from .rules import judge_challenger as judge_challenger
from .rules import not_compared as not_compared
from .rules import require_pass as require_pass

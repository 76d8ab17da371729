"""Stand-ins for the five vendors, each written from that vendor's page alone, with the standard library.

They are a second, independent reading of the pages: they know nothing of the package and nothing of its
sandbox. What a page does not name, a stand-in does not have. Where a page leaves two readings, the stand-in
has a switch, so that a test can ask for the harsher one.
"""

from .agilenow import AgileNow
from .communifire import Communifire
from .lightfield import Lightfield
from .ocamba import Ocamba
from .server import Fault, Reply, Seen, StandIn
from .sonoran import Sonoran

__all__ = ["AgileNow", "Communifire", "Fault", "Lightfield", "Ocamba", "Reply", "Seen", "Sonoran", "StandIn"]

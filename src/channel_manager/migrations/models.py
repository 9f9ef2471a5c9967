"""All models, imported so that the metadata is whole."""

from channel_manager import installation as _installation
from channel_manager.access import models as _access
from channel_manager.capacity import models as _capacity
from channel_manager.catalog import models as _catalog
from channel_manager.companies import models as _companies
from channel_manager.console import models as _console
from channel_manager.designs import models as _designs
from channel_manager.exchanges import models as _exchanges
from channel_manager.gate import models as _gate
from channel_manager.issuance import models as _issuance
from channel_manager.octo import models as _octo
from channel_manager.orders import bulk as _bulk
from channel_manager.orders import models as _orders
from channel_manager.orders import sales as _sales
from channel_manager.partners import models as _partners
from channel_manager.venue_uploads import models as _venue_uploads
from channel_manager.webhooks import models as _webhooks

ALL_MODELS = (
    _access,
    _installation,
    _capacity,
    _catalog,
    _companies,
    _console,
    _designs,
    _exchanges,
    _gate,
    _issuance,
    _octo,
    _orders,
    _bulk,
    _sales,
    _partners,
    _venue_uploads,
    _webhooks,
)

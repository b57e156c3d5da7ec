"""What a file says of itself: C2PA, EXIF, XMP, IPTC, generators' text chunks, JPEG tables. No torch.

    provenance.read(data).summary()

Claims are read only where a container of valid structure puts them, never by searching bytes; they stand
beside the pixel verdict and never change its score. Nothing is fetched.
"""

from upprint.provenance.claim import Claim, Provenance
from upprint.provenance.reader import read

__all__ = ["Claim", "Provenance", "read"]

"""Every error a client can receive, as one tree; each leaf is one `/problems/<slug>` page.

    Problem
    ├── BadPhoto          the bytes are not a photo that can be analysed
    │   ├── MissingImage · EmptyImage · UnsupportedFormat · TruncatedImage · CorruptImage
    │   └── TooManyPixels · BadAspect · UnsafeCheckpoint
    ├── BadText           the sentence cannot be analysed
    │   └── MissingText · UnknownWords · TextTooLong · WrongInput
    ├── BadRequest        the request is invalid
    │   ├── MalformedBody · TooLarge · UploadTimeout · InvalidParameter
    │   ├── NotAcceptable · TooLargeForJson · NoProjections · MapNotPossible · MethodNotAllowed
    │   ├── EditRefused
    │   └── ForeignHost · CrossSite · Unauthorised · NotYours
    ├── Missing           the requested thing does not exist here
    │   ├── NotFound · UnknownModel · UnknownAnalysis · AnalysisGone · UnknownJob · UnknownResult
    │   └── UnknownSite · WrongKind · UnknownMap · UnknownFigure · UnknownProblem
    └── Unable            the server cannot answer, for now
        ├── RateLimited · QueueFull · NotReady · ShuttingDown · ReplicaLost · StoreUnavailable
        ├── OutOfMemory · DiskFull
        ├── ModelNotLocal · CorruptWeights · UnsuitableModel · InvalidModelFile
        ├── DownloadsRefused · DownloadCancelled · JobCancelled · JobInterrupted
        └── CacheFull · Internal

`detail` is written for the person who reads it: no path, no stack trace, and what to do in `hint`.
Rendered as RFC 9457 problem details.
"""

from fovea.server.problems.base import Problem as Problem
from fovea.server.problems.base import leaves as leaves
from fovea.server.problems.inputs import *  # noqa: F403
from fovea.server.problems.request import *  # noqa: F403
from fovea.server.problems.resources import *  # noqa: F403
from fovea.server.problems.server import *  # noqa: F403

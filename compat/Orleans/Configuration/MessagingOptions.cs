using System.Diagnostics;

namespace Orleans.Configuration;

/// <summary>How calls are carried.</summary>
public abstract class MessagingOptions
{
    private TimeSpan _responseTimeout = TimeSpan.FromSeconds(30);

    /// <summary>How long a caller waits where the method does not say.</summary>
    public TimeSpan ResponseTimeout
    {
        get => Debugger.IsAttached ? ResponseTimeoutWithDebugger : _responseTimeout;
        set => _responseTimeout = value;
    }

    public TimeSpan ResponseTimeoutWithDebugger { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>A call whose caller has given up by the time its turn comes is not run.</summary>
    public bool DropExpiredMessages { get; set; } = true;

    /// <summary>Whether a time-out also cancels the callee's token.</summary>
    public bool CancelRequestOnTimeout { get; set; }

    /// <summary>Whether a caller who cancels waits for the callee to end.</summary>
    public bool WaitForCancellationAcknowledgement { get; set; }
}

/// <summary>How a silo's calls are carried.</summary>
public class SiloMessagingOptions : MessagingOptions
{
    public const int DEFAULT_MAX_ENQUEUED_REQUESTS_HARD_LIMIT = 0;
    public const int DEFAULT_MAX_ENQUEUED_REQUESTS_STATELESS_WORKER_HARD_LIMIT = 0;
    public static readonly TimeSpan DEFAULT_MAX_REQUEST_PROCESSING_TIME = TimeSpan.FromHours(2);

    /// <summary>How often a call is passed on from an activation that goes.</summary>
    public int MaxForwardCount { get; set; } = 2;

    /// <summary>Calls beyond so many on one activation are refused; 0 for no limit.</summary>
    public int MaxEnqueuedRequestsHardLimit { get; set; } = DEFAULT_MAX_ENQUEUED_REQUESTS_HARD_LIMIT;

    /// <summary>How long a call may keep others waiting, or an activation take to go, before those that wait get another activation.</summary>
    public TimeSpan MaxRequestProcessingTime { get; set; } = DEFAULT_MAX_REQUEST_PROCESSING_TIME;

    public int MaxEnqueuedRequestsHardLimit_StatelessWorker { get; set; } = DEFAULT_MAX_ENQUEUED_REQUESTS_STATELESS_WORKER_HARD_LIMIT;
}

/// <summary>How a client's calls are carried.</summary>
public class ClientMessagingOptions : MessagingOptions
{
}

using System.Diagnostics.Metrics;
using System.Net;

namespace HostService.Gateway.Limits;

/// <summary>What callers may hold of the gateway at a time. A refusal is counted, and logged once a minute at most.</summary>
internal sealed partial class GatewayQuotas
{
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<GatewayQuotas> _logger;
    private readonly CounterFromZero<string> _refusals;

    public GatewayQuotas(
        IOptions<GatewayOptions> options,
        TrustedNetworks trusted,
        IMeterFactory meters,
        TimeProvider timeProvider,
        ILogger<GatewayQuotas> logger)
    {
        _timeProvider = timeProvider;
        _logger = logger;
        _refusals = new(
            meters.Create("HostService.Gateway"),
            "host_service.gateway.refusals",
            "Connections and requests that were refused at a limit, by limit.",
            ["connections", "requests", "body_bytes"],
            limit => [new("limit", limit)]);
        var limits = options.Value;
        Connections = new(limits.MaxConnections, limits.MaxConnectionsPerAddress, trusted, Refusing("connections"));
        Requests = new(limits.MaxRequests, limits.MaxRequestsPerAddress, trusted, Refusing("requests"));
        BodyBytes = new(limits.MaxBodyBytes, limits.MaxBodyBytesPerAddress, trusted, Refusing("body_bytes"));
    }

    /// <summary>Open connections, from before their TLS handshake on.</summary>
    public ClientQuota Connections { get; }

    /// <summary>Requests that have not been answered.</summary>
    public ClientQuota Requests { get; }

    /// <summary>Bytes of memory for request bodies, beyond the small buffer that every request has.</summary>
    public ClientQuota BodyBytes { get; }

    private Action<IPAddress?> Refusing(string limit)
    {
        var lines = new LogLineLimit(1, _timeProvider);
        return address =>
        {
            _refusals.Add(limit);
            if (lines.TryTake(out var leftOut))
            {
                Refused(_logger, address, limit.Replace('_', ' '), leftOut);
            }
        };
    }

    [LoggerMessage(
        LogLevel.Warning,
        "Refused {Address}: the limit on {Limit} is reached, its own or that of all; {LeftOut} refusals since the last such line",
        EventName = LogEvents.UserData + nameof(Refused))]
    private static partial void Refused(ILogger logger, IPAddress? address, string limit, long leftOut);
}

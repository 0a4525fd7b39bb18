namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>Sends the heartbeats, and the dying one once.</summary>
internal sealed partial class HttpWebserver(
    WebserverClient client, Func<WebserverFacts> facts, TimeProvider timeProvider, ILogger<HttpWebserver> logger) : IWebserver, IDisposable
{
    private readonly PeriodicWork _schedule = new(TimeSpan.FromSeconds(55), TimeSpan.FromSeconds(65), timeProvider);

    /// <summary>One heartbeat at a time: the dying one waits for one that is being sent, and none follows it.</summary>
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly HeartbeatAge _age = new(timeProvider);
    private string? _token;
    private long _number;
    private bool _dyingSent;

    public TimeSpan? SinceAccepted => _age.Current;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _age.Reset();
        await _schedule.RunAsync(token => SendAsync(isDying: false, token), cancellationToken);
        _age.Stop();
    }

    public Task SendDyingHeartbeatAsync(CancellationToken cancellationToken) => SendAsync(isDying: true, cancellationToken);

    public void Dispose() => _sending.Dispose();

    private async Task SendAsync(bool isDying, CancellationToken cancellationToken)
    {
        try
        {
            await _sending.WaitAsync(cancellationToken);
            try
            {
                if (!_dyingSent)
                {
                    _dyingSent = isDying;
                    await DeliverAsync(isDying, cancellationToken);
                }
            }
            finally
            {
                _sending.Release();
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested && !isDying)
        {
            // Stopped during a heartbeat: the dying one follows.
            return;
        }
        catch (Exception exception)
        {
            // Failures are reported, never fatal (B28).
            LogHeartbeatFailed(isDying ? "dying heartbeat" : "heartbeat", exception);
        }
    }

    private async Task DeliverAsync(bool isDying, CancellationToken cancellationToken)
    {
        var now = facts();
        var isFresh = _token is null;
        _token ??= await client.AuthenticateAsync(now.Identity.InstanceId, cancellationToken);
        var number = _number++;
        if (await client.SendHeartbeatAsync(Heartbeat(_token), cancellationToken))
        {
            _age.Reset();
            return;
        }

        _token = null;
        if (!isFresh)
        {
            LogTokenRefused();
            var token = await client.AuthenticateAsync(now.Identity.InstanceId, cancellationToken);
            if (await client.SendHeartbeatAsync(Heartbeat(token), cancellationToken))
            {
                _token = token;
                _age.Reset();
                return;
            }
        }

        throw new WebserverException("the webserver refuses (401) a token that it has only just given");

        HeartbeatRequest Heartbeat(string token) => HeartbeatRequest.Of(now, token, timeProvider.GetUtcNow(), number, isDying);
    }

    [LoggerMessage(LogLevel.Error, "The {Kind} to the webserver failed")]
    private partial void LogHeartbeatFailed(string kind, Exception exception);

    [LoggerMessage(LogLevel.Warning, "The webserver no longer accepts the token; authenticating again")]
    private partial void LogTokenRefused();
}

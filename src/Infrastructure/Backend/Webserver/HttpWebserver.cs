using Microsoft.Extensions.Logging;

namespace HostService.Infrastructure.Backend.Webserver;

/// <summary>Keeps the webserver told that this host lives, and tells it once that it dies.</summary>
internal sealed class HttpWebserver(WebserverClient client, Func<WebserverFacts> facts, TimeProvider timeProvider, ILogger<HttpWebserver> logger)
    : IWebserver, IDisposable
{
    private readonly PeriodicWork _schedule = new(TimeSpan.FromSeconds(55), TimeSpan.FromSeconds(65), timeProvider);

    /// <summary>One heartbeat at a time: the dying one waits for one that is under way, and none comes after it.</summary>
    private readonly SemaphoreSlim _sending = new(1, 1);
    private string? _token;
    private long _number;
    private bool _saidGoodbye;

    public Task RunAsync(CancellationToken cancellationToken) => _schedule.RunAsync(token => SendAsync(isDying: false, token), cancellationToken);

    public Task SayGoodbyeAsync(CancellationToken cancellationToken) => SendAsync(isDying: true, cancellationToken);

    public void Dispose() => _sending.Dispose();

    private async Task SendAsync(bool isDying, CancellationToken cancellationToken)
    {
        try
        {
            await _sending.WaitAsync(cancellationToken);
            try
            {
                if (!_saidGoodbye)
                {
                    _saidGoodbye = isDying;
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
            // Stopped in the middle of one: the dying one follows.
            return;
        }
        catch (Exception e)
        {
            // Boundary: failures are reported, never fatal (B28).
            WebserverLog.HeartbeatFailed(logger, isDying ? "dying heartbeat" : "heartbeat", e);
        }
    }

    private async Task DeliverAsync(bool isDying, CancellationToken cancellationToken)
    {
        var now = facts();
        var isFresh = _token is null;
        _token ??= await client.ShakeHandsAsync(now.Identity.InstanceId, cancellationToken);
        var number = _number++;
        if (await client.SendHeartbeatAsync(Heartbeat(_token), cancellationToken))
        {
            return;
        }

        _token = null;
        if (!isFresh)
        {
            WebserverLog.TokenRefused(logger);
            var token = await client.ShakeHandsAsync(now.Identity.InstanceId, cancellationToken);
            if (await client.SendHeartbeatAsync(Heartbeat(token), cancellationToken))
            {
                _token = token;
                return;
            }
        }

        throw new WebserverException("the webserver refuses (401) a token that it has only just given");

        HeartbeatRequest Heartbeat(string token) => HeartbeatRequest.Of(now, token, timeProvider.GetUtcNow(), number, isDying);
    }
}

/// <summary>No webserver is configured.</summary>
public sealed class NoWebserver : IWebserver
{
    public Task RunAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task SayGoodbyeAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

internal static partial class WebserverLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "The {Kind} to the webserver failed")]
    public static partial void HeartbeatFailed(ILogger logger, string kind, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The webserver no longer accepts our token; introducing ourselves again")]
    public static partial void TokenRefused(ILogger logger);
}

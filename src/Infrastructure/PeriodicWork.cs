using System.Security.Cryptography;

namespace HostService.Infrastructure;

/// <summary>Runs a piece of work at once, and again after random pauses, until cancelled. The work handles its own failures.</summary>
internal sealed class PeriodicWork(TimeSpan least, TimeSpan most, TimeProvider timeProvider)
{
    /// <summary>Returns, without an exception, when the token is cancelled.</summary>
    public async Task RunAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await work(cancellationToken);
            try
            {
                await Task.Delay(Pause(), timeProvider, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>Whole milliseconds, both ends included.</summary>
    private TimeSpan Pause() =>
        TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32((int)least.TotalMilliseconds, (int)most.TotalMilliseconds + 1));
}

using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Waits until the app inside has come up (B16).</summary>
public sealed class WaitForApp(IMandelboxFiles files, IContainerEngine engine, TimeSpan timeout) : IStep<MandelboxContext>
{
    /// <summary>The file that the app creates (B16).</summary>
    public const string SignalFile = "done_sleeping_until_X_clients";

    /// <summary>How often the container is looked at meanwhile.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    private readonly CheckContainerRuns _runs = new(engine);

    public string Name => "app";

    /// <summary>Longer than the wait itself, which gives the better reason.</summary>
    public TimeSpan? Timeout => timeout + TimeSpan.FromSeconds(30);

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        for (var left = timeout; left > TimeSpan.Zero; left -= LookEvery)
        {
            var wait = left < LookEvery ? left : LookEvery;
            if (await files.WaitForAsync(context.Paths.ResourceMappings, SignalFile, wait, cancellationToken))
            {
                return StepResult.Done;
            }

            // Its end may not have been reported: the warm-up comes before the engine's events are watched.
            if (await _runs.DoAsync(context, cancellationToken) is { Failure: not null } ended)
            {
                return ended;
            }
        }

        return StepResult.Failed($"the app inside did not come up within {timeout.TotalSeconds:0} s");
    }
}

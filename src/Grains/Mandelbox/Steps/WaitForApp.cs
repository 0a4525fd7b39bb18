using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Waits until the app inside has come up (B16).</summary>
public sealed class WaitForApp(IMandelboxFiles files, TimeSpan timeout) : IStep<MandelboxContext>
{
    /// <summary>The file that the app creates (B16).</summary>
    public const string SignalFile = "done_sleeping_until_X_clients";

    public string Name => "app";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken) =>
        await files.WaitForAsync(context.Paths.ResourceMappings, SignalFile, timeout, cancellationToken)
            ? StepResult.Done
            : StepResult.Failed($"the app inside did not come up within {timeout.TotalSeconds:0} s");
}

using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Writes the last file, <c>.ready</c>: the programs inside the mandelbox wait for it (B15).</summary>
public sealed class MarkReady(IMandelboxFiles files) : IStep<MandelboxContext>
{
    public string Name => "ready";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        await files.WriteAsync(context.Paths.ResourceMappings, ".ready", ".ready", cancellationToken);
        return StepResult.Done;
    }
}

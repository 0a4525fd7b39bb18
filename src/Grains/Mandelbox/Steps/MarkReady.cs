using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Writes a file that the programs inside the mandelbox wait for (B15).</summary>
/// <param name="files">Writes it.</param>
/// <param name="file"><see cref="Ready"/>, the last one, or <see cref="ParametersReady"/>.</param>
public sealed class MarkReady(IMandelboxFiles files, string file) : IStep<MandelboxContext>
{
    public const string Ready = ".ready";

    /// <summary>Everything but the user's is there: an app that knows it can bring up its display.</summary>
    public const string ParametersReady = ".paramsReady";

    public string Name => "ready";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        await files.WriteAsync(context.Paths.ResourceMappings, file, file, cancellationToken);
        return StepResult.Done;
    }
}

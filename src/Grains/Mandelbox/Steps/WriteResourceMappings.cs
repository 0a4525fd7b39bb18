using System.Globalization;
using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Writes the files through which the mandelbox learns its lease (B15).</summary>
/// <param name="files">Writes them.</param>
/// <param name="clientTimeout">How long the mandelbox waits for its client; null for ever.</param>
public sealed class WriteResourceMappings(IMandelboxFiles files, TimeSpan? clientTimeout) : IStep<MandelboxContext>
{
    public string Name => SpinUpPhases.Mappings;

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        // The undo removes it, and a start may be retried.
        files.MakeDirectory(context.Paths.ResourceMappings);
        var lease = context.RequiredLease;
        await WriteAsync($"hostPort_for_my_{MandelboxPorts.Control}_tcp", lease.HostPortFor(MandelboxPorts.Control));
        await WriteAsync("tty", lease.Tty);

        // The agent's containers get these two only (B29).
        if (context.Request is { } request)
        {
            await WriteAsync("gpu_index", lease.GpuIndex);
            await WriteAsync("timeout", clientTimeout is { } timeout ? (int)timeout.TotalSeconds : -1);
            if (request.Dpi is { } dpi)
            {
                await WriteAsync("DPI", dpi);
            }
        }

        return StepResult.Done;

        Task WriteAsync(string name, int value) => files.WriteAsync(
            context.Paths.ResourceMappings, name, value.ToString(CultureInfo.InvariantCulture), cancellationToken);
    }

    public Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        context.Container.ThrowIfMayRun();
        return files.RemoveAsync(context.Paths.ResourceMappings, cancellationToken);
    }
}

using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>Creates the mandelbox's directories on the host; the undo removes them except its logs (B19).</summary>
public sealed class CreateDirectories(IMandelboxFiles files) : IStep<MandelboxContext>
{
    public string Name => SpinUpPhases.Directories;

    public Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        var paths = context.Paths;
        files.MakeDirectory(paths.Home);
        files.MakeDirectory(paths.ResourceMappings);
        files.MakeDirectory(paths.UserConfigs);
        files.MakeDirectory(paths.Temp);
        files.MakeDirectory(paths.Sockets);
        if (context.Request is { } request)
        {
            files.MakeDirectory(paths.AllLogs);
            files.MakeDirectory(paths.Logs(request.SessionId));
        }

        context.HasDirectories = true;
        return Task.FromResult(StepResult.Done);
    }

    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        context.Container.ThrowIfMayRun();
        if (context.MustSaveUserConfigs)
        {
            throw new InvalidOperationException("user configs have not been saved yet");
        }

        await files.RemoveAsync(context.Paths.Home, cancellationToken);
        await files.RemoveAsync(context.Paths.Temp, cancellationToken);
        files.KeepLogs(context.Paths.AllLogs);
        context.HasDirectories = false;
    }
}

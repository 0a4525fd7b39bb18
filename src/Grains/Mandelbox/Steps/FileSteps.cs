using System.Globalization;
using HostService.GrainInterfaces;
using HostService.Infrastructure.Files;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>The mandelbox's directories on the host.</summary>
public sealed class MakeDirectories(IMandelboxFiles files) : IMandelboxStep
{
    public string Name => "directories";

    public Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        var paths = run.Paths;
        List<string> wanted = [paths.Home, paths.ResourceMappings, paths.UserConfigs, paths.Temp, paths.Sockets];
        if (run.Request is { } request)
        {
            wanted.Add(paths.AllLogs);
            wanted.Add(paths.Logs(request.SessionId));
        }

        wanted.ForEach(files.MakeDirectory);
        run.HasDirectories = true;
        return Task.FromResult(StepResult.Done);
    }

    public Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        if (run.OwesSave)
        {
            throw new InvalidOperationException("the user's settings that lie in them are still to be saved");
        }

        run.HasDirectories = false;
        return Task.Run(
            () =>
            {
                // A deep tree of a user's settings can take a while: not on the grain's turn.
                files.Remove(run.Paths.Home);
                files.Remove(run.Paths.Temp);
                files.Remove(run.Paths.AllLogs);
            },
            cancellationToken);
    }
}

/// <summary>What the mandelbox is told of its lease (B15).</summary>
public sealed class WriteMappings(IMandelboxFiles files, Func<MandelboxRun, IReadOnlyDictionary<string, string>> content) : IMandelboxStep
{
    public string Name => "mappings";

    /// <summary>The files for a mandelbox of ours.</summary>
    public static IReadOnlyDictionary<string, string> ForLease(MandelboxRun run, TimeSpan? clientTimeout)
    {
        var lease = run.RequiredLease;
        var mappings = new Dictionary<string, string>
        {
            [$"hostPort_for_my_{MandelboxPorts.Control}_tcp"] = Text(lease.HostPortFor(MandelboxPorts.Control)),
            ["tty"] = Text(lease.Tty),
            ["gpu_index"] = Text(lease.GpuIndex),
            ["timeout"] = Text(clientTimeout is { } wait ? (int)wait.TotalSeconds : -1),
        };
        if (run.Request?.Dpi is { } dpi)
        {
            mappings.Add("DPI", Text(dpi));
        }

        return mappings;
    }

    /// <summary>The files for a container that somebody else made: its TTY and its one host port (B29).</summary>
    public static IReadOnlyDictionary<string, string> ForAdopted(MandelboxRun run) => new Dictionary<string, string>
    {
        [$"hostPort_for_my_{MandelboxPorts.Control}_tcp"] = Text(run.RequiredLease.HostPortFor(MandelboxPorts.Control)),
        ["tty"] = Text(run.RequiredLease.Tty),
    };

    public async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        await Task.WhenAll(content(run).Select(m => files.WriteAsync(run.Paths.ResourceMappings, m.Key, m.Value, cancellationToken)));
        return StepResult.Done;
    }

    public Task UndoAsync(MandelboxRun run, CancellationToken cancellationToken) =>
        Task.Run(() => files.Remove(run.Paths.ResourceMappings), cancellationToken);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The last file: from here on the mandelbox may begin (B15).</summary>
public sealed class MarkReady(IMandelboxFiles files) : StepWithoutUndo
{
    public override string Name => "ready";

    public override async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken)
    {
        await files.WriteAsync(run.Paths.ResourceMappings, ".ready", ".ready", cancellationToken);
        run.MarkedReady = true;
        return StepResult.Done;
    }
}

/// <summary>Waits for the app inside to say that it has come up (B16).</summary>
public sealed class WaitForApp(IMandelboxFiles files, TimeSpan deadline) : StepWithoutUndo
{
    /// <summary>The file that the app creates, literally.</summary>
    public const string SignalFile = "done_sleeping_until_X_clients";

    public override string Name => "app";

    public override async Task<StepResult> DoAsync(MandelboxRun run, CancellationToken cancellationToken) =>
        await files.WaitForAsync(run.Paths.ResourceMappings, SignalFile, deadline, cancellationToken)
            ? StepResult.Done
            : StepResult.Failed($"the app inside did not come up within {deadline.TotalSeconds:0} s");
}

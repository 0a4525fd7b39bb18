using System.Globalization;
using System.Runtime.ExceptionServices;
using HostService.Grains.Lifecycle;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.CloudStorage;

namespace HostService.Grains.Mandelbox.Steps;

/// <summary>
/// Takes over the container of a mandelbox that waits, with what it uses. The name of the container is changed last: after a crash it says
/// whose the container is, because labels cannot be changed.
/// </summary>
/// <param name="find">Finds the mandelbox that waits.</param>
/// <param name="undo">Steps like those by which the other one came up: their undo is a part of this one's.</param>
public sealed class AdoptWaiting(
    Func<string, IMandelboxGrain> find,
    IHostGrain host,
    IContainerEngine engine,
    IMandelboxFiles files,
    IInputDevices inputDevices,
    ICloudStorage cloudStorage,
    IReadOnlyList<IStep<MandelboxContext>> undo) : IStep<MandelboxContext>
{
    private string? _waiting;

    public string Name => "adopt";

    public async Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        _waiting = context.Waiting!;
        var waiting = find(_waiting);
        if (await waiting.BeginAdoption(context.MandelboxId) is not { } adopted)
        {
            return StepResult.Failed($"mandelbox {_waiting} does not wait any more");
        }

        (context.Container.Id, context.Container.MayRun, context.AesKey) = (adopted.ContainerId, true, adopted.AesKey);
        if (await host.RegisterContainer(adopted.ContainerId, context.MandelboxId) is { } refusal)
        {
            return StepResult.Failed(refusal);
        }

        var request = context.RequiredRequest;
        var (from, to) = (context.Paths.Of(_waiting), context.Paths);
        files.MoveDirectory(from.ResourceMappings, to.ResourceMappings);
        files.MoveDirectory(from.UserConfigs, to.UserConfigs);
        files.MoveDirectory(from.Sockets, to.Sockets);
        files.MoveDirectory(from.Logs(0), to.Logs(request.SessionId));
        cloudStorage.Move(_waiting, context.MandelboxId);
        context.InputDevices = inputDevices.PassOn(_waiting, context.MandelboxId, to.InputSocket);
        await engine.RenameAsync(
            adopted.ContainerId, ContainerNames.Container(request.AppName, context.MandelboxId), cancellationToken);
        if (!await waiting.CompleteAdoption(context.MandelboxId))
        {
            return StepResult.Failed($"mandelbox {_waiting} ended meanwhile");
        }

        context.Waiting = null;
        if (request.Dpi is { } dpi)
        {
            await files.WriteAsync(to.ResourceMappings, "DPI", dpi.ToString(CultureInfo.InvariantCulture), cancellationToken);
        }

        return StepResult.Done;
    }

    /// <summary>Each part is tried. The other mandelbox ends, too, unless everything of it is this one's already.</summary>
    public async Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        if (_waiting is not { } id)
        {
            return;
        }

        var failures = new List<Exception>();
        foreach (var step in context.Container.Id is null ? [] : undo.Reverse())
        {
            await TryAsync(() => step.UndoAsync(context, cancellationToken));
        }

        if (context is { StartsCold: true, HasDirectories: true })
        {
            await TryAsync(() => EmptyAsync(context, cancellationToken));
        }

        await TryAsync(() => find(id)
            .Stop($"mandelbox {context.MandelboxId} could not adopt it", EndCause.Replaced).WaitAsync(cancellationToken));
        switch (failures)
        {
            case []:
                _waiting = null;
                break;
            case [var only]:
                ExceptionDispatchInfo.Throw(only);
                break;
            default:
                throw new AggregateException(failures);
        }

        async Task TryAsync(Func<Task> part)
        {
            try
            {
                await part();
            }
            catch (Exception exception)
            {
                failures.Add(exception);
            }
        }
    }

    /// <summary>What the programs of one container have left there is not for those of the next. Its user has had none of them.</summary>
    private async Task EmptyAsync(MandelboxContext context, CancellationToken cancellationToken)
    {
        context.Container.ThrowIfMayRun();
        foreach (var directory in new[] { context.Paths.UserConfigs, context.Paths.Sockets })
        {
            await files.RemoveAsync(directory, cancellationToken);
            files.MakeDirectory(directory);
        }
    }
}

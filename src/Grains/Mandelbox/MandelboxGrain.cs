using System.Globalization;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using IHostApplicationLifetime = Microsoft.Extensions.Hosting.IHostApplicationLifetime;

namespace HostService.Grains.Mandelbox;

/// <summary>
/// One mandelbox. Every call interleaves: a query, a stop and an event are served while a spin-up runs. Across an <c>await</c> each call
/// keeps its
/// <see cref="MandelboxContext"/>, and at most one context has not gone.
/// </summary>
public sealed partial class MandelboxGrain(
    HostInfoSource hostInfo,
    ProvisioningPlans plans,
    IContainerEngine engine,
    IMandelboxFiles files,
    IBackendDatabase database,
    ICloudStorage cloudStorage,
    MandelboxRecords records,
    IInputDevices inputDevices,
    IOptions<HostOptions> hostOptions,
    IOptions<MandelboxOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider timeProvider,
    ILogger<MandelboxGrain> logger) : Grain, IMandelboxGrain
{
    private MandelboxContext? _context;
    private IHostGrain? _host;
    private bool _isDeactivating;
    private bool _isHandedOver;

    private string Id => this.GetPrimaryKeyString();

    // Kept: the undo may outlive the activation, and still has to reach the host.
    private IHostGrain Host => _host ??= GrainFactory.GetGrain<IHostGrain>(HostKeys.Host(hostInfo.Current.Identity.InstanceName));

    private IMandelboxGrain Find(string mandelboxId) => GrainFactory.GetGrain<IMandelboxGrain>(mandelboxId);

    public Task<SpinUpAnswer> SpinUp(SpinUpRequest request)
    {
        if (MandelboxIds.Fault(Id) is { } fault)
        {
            return Task.FromResult(SpinUpAnswer.Failed(SpinUpPhases.Id, fault));
        }

        if (_context is { } existing)
        {
            return AnswerDuplicate(existing, request);
        }

        var plan = plans.ForRequest(Host, Find);
        var context = _context = BeginLife(request);
        return context.Tasks.SpinUp = SpinUpAsync(context, plan);
    }

    public async Task CallerLeft()
    {
        if (_context is { } context && --context.Tasks.Callers == 0 && await Host.QueuePlace(Id) is not null && context.Tasks.Callers == 0)
        {
            Observe(EndAsync(context, EndCause.UserLeft, "its caller hung up while it waited for a lease"), "end");
        }
    }

    public async Task<string?> Reattach(ReattachRequest request)
    {
        if (_context is not null)
        {
            return $"mandelbox {Id} exists already";
        }

        var record = records.Find(Id) is { } found && found.ContainerId == request.ContainerId ? found : null;

        // The labels of one that has waited name nobody.
        var spinUp = new SpinUpRequest(
            record?.UserId ?? request.UserId, request.AppName, ConfigEncryptionToken: "", record?.SessionId ?? request.SessionId);
        var context = _context = TakeOver(spinUp, record, request.ContainerId, request.Lease);
        (context.Row.IsClaimed, context.Row.MayBeRunning) = (true, true);
        if (record is null)
        {
            context.Warnings.Add("its record is missing or damaged: its user configs cannot be saved");
        }

        await TakeOverInputDevicesAsync(context);
        if (await RestoreLeaseAsync(request.Lease) is { } refusal)
        {
            await EndAsync(context, EndCause.LeaseRevoked, refusal);
            return refusal;
        }

        context.Tasks.SpinUp = record is null ? null : Task.FromResult(SpinUpAnswer.Ready(context.Access));
        await context.State.MoveToAsync(MandelboxState.Running, record?.Phases);
        LogReattached(Id, request.ContainerId);
        return null;
    }

    public Task<bool> HandOver()
    {
        if (_context is null)
        {
            return Task.FromResult(true);
        }

        _isHandedOver = _context.State.Current == MandelboxState.Running;
        return Task.FromResult(_isHandedOver);
    }

    public async Task RemoveRemains(MandelboxRemains remains)
    {
        if (_context is not null)
        {
            return;
        }

        var record = records.Find(Id);
        var request = new SpinUpRequest(
            record?.UserId ?? "", record?.AppName ?? "", ConfigEncryptionToken: "", record?.SessionId ?? 0);
        var context = _context = TakeOver(request, record, remains.ContainerId, remains.Lease);
        context.Row.IsClaimed = remains.HasRow;
        context.Row.MayBeRunning = record is not null && Directory.Exists(context.Paths.UserConfigs);
        context.KeepsUnsavedConfigs = true;
        if (remains.Lease is { } lease)
        {
            // So that nobody else gets what its container uses.
            await RestoreLeaseAsync(lease);
        }

        await EndAsync(context, EndCause.Remains, "it had gone, and this was left of it", options.Value.StopTimeout);
    }

    public async Task<MandelboxDescription?> Describe() => _context switch
    {
        null => null,
        { State.Current: MandelboxState.Allocated } context => context.Describe() with { QueuePlace = await Host.QueuePlace(Id) },
        var context => context.Describe(),
    };

    public async Task<MandelboxTimeline?> DescribeSteps()
    {
        var context = _context;
        return context is not null && await Describe() is { } mandelbox
            ? new MandelboxTimeline(mandelbox, context.Timeline.Steps.ToArray())
            : null;
    }

    public async Task<bool> Stop(string reason, EndCause cause = EndCause.Operator)
    {
        if (_context is not { } context)
        {
            return false;
        }

        await EndAsync(context, cause, reason, options.Value.StopTimeout);
        return true;
    }

    public Task ContainerDied(ContainerDeath death)
    {
        if (_context is not { } context || (context.Container.Id ?? context.Ecs?.ContainerId) != death.ContainerId)
        {
            return Task.CompletedTask;
        }

        context.Container.MayRun = false;
        context.Container.ExitCode = context.Container.IsGivenUp ? null : context.Container.ExitCode ?? death.ExitCode;
        context.Tasks.RetryUndo.TrySetResult();
        if (context.State.IsAlive && !context.Container.IsGivenUp)
        {
            context.Container.HasDied = true;
            if (context.Container.Id is null)
            {
                // Registered, so its end is ours to follow, although it was never adopted.
                context.Steps.RegisterUndo(plans.Adoption(death.ContainerId));
            }

            // Not awaited: the undo may take as long as an upload, and the caller is the event stream.
            Observe(EndAfterDeathAsync(context, death), "end");
        }

        return Task.CompletedTask;
    }

    public Task ContainerOutOfMemory(string containerId)
    {
        if (_context is { Container.OutOfMemory: false } context && (context.Container.Id ?? containerId) == containerId)
        {
            context.Container.OutOfMemory = true;
            context.Warnings.Add("a process inside was killed: the container used all of its memory");
            LogOutOfMemory(Id, containerId);
        }

        return Task.CompletedTask;
    }

    public Task SandboxEnded(string sandbox)
    {
        if (_context is { State.IsAlive: true } context && context.Lease?.Sandbox == sandbox)
        {
            // Before its container runs, the start fails and is tried with another lease.
            context.LostSandbox = sandbox;
            if (context.State.Current.HasRunningContainer)
            {
                Observe(EndAsync(context, EndCause.NetworkLost, $"its network sandbox {sandbox} ended"), "end");
            }
        }

        return Task.CompletedTask;
    }

    public async Task<string?> ContainerStarted(string containerId)
    {
        if (_context is not { } context)
        {
            return $"there is no mandelbox {Id}";
        }

        if (context.Ecs is { } ecs)
        {
            return await AdoptOnceAsync(context, ecs, containerId);
        }

        // Also while it is ending: a container that is not known here would be removed at once, and lose the grace of its stop.
        // The id is missing while the engine has not answered the call that creates the container.
        return context.Container.Id is null || context.Container.Id == containerId ? null : $"mandelbox {Id} has another container";
    }

    public async Task<string?> SetDpi(int dpi)
    {
        if (_context is not { State.IsAlive: true } context)
        {
            return $"there is no mandelbox {Id}";
        }

        try
        {
            if (context.Ecs is { } ecs && (ecs.Adoption is not { } adoption || await adoption is not null))
            {
                return $"mandelbox {Id} has no running container yet";
            }

            await files.WriteAsync(
                context.Paths.ResourceMappings, "DPI", dpi.ToString(CultureInfo.InvariantCulture), context.Tasks.Ending.Token);
        }
        catch (ContainerEngineException exception)
        {
            return $"mandelbox {Id} has no running container yet: {exception.Message}";
        }
        catch (OperationCanceledException) when (context.Tasks.Ending.IsCancellationRequested)
        {
            return $"mandelbox {Id} ended before its DPI was set";
        }

        return context.Ecs is null ? null : await BecomeReadyAsync(context, context.Ecs);
    }

    public async Task<string?> MountCloudStorage(CloudDrive drive)
    {
        if (_context is not { State: { IsAlive: true, Current.HasContainer: true } } context)
        {
            return $"mandelbox {Id} does not run";
        }

        context.Drives++;
        await ReportAsync(context);
        try
        {
            var refusal = await context.Tasks.TrackAsync(cloudStorage.MountAsync(Id, drive, context.Tasks.Ending.Token));
            if (refusal is not null)
            {
                context.Drives--;
                await ReportAsync(context);
            }

            return refusal;
        }
        catch (OperationCanceledException) when (context.Tasks.Ending.IsCancellationRequested)
        {
            return $"mandelbox {Id} ended while its drive was being mounted";
        }
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _isDeactivating = true;

        // The service ends every mandelbox before the silo stops. One that is left is ended here, so that what it holds is not forgotten.
        if (_context is { } context && !_isHandedOver)
        {
            await EndAsync(context, EndCause.HostStopped, "the service is ending");
        }
    }

    private async Task TakeOverInputDevicesAsync(MandelboxContext context)
    {
        try
        {
            context.InputDevices = await inputDevices.TakeOverAsync(Id, context.Paths.InputSocket, context.Tasks.Ending.Token);
        }
        catch (InputDeviceException exception)
        {
            context.Warnings.Add($"its input devices are lost: {exception.Message}");
        }
    }

    /// <summary>
    /// A life whose steps were done elsewhere, by an earlier run or a life of this id that is forgotten: each undo looks at what is there.
    /// </summary>
    private MandelboxContext TakeOver(SpinUpRequest request, MandelboxRecord? record, string? containerId, Lease? lease)
    {
        var context = BeginLife(request, record?.AesKey);
        foreach (var step in plans.ForRequest(Host, Find).Steps.Where(step => containerId is not null || step is not StartContainer))
        {
            context.Steps.RegisterUndo(step);
        }

        (context.Container.Id, context.Container.MayRun) = (containerId, containerId is not null);

        // Set before the host is asked for it: the undo releases it even if the answer is lost.
        context.Lease = lease;
        context.HasDirectories = true;
        context.ArchiveKey = ArchiveKey.FromSecret(record?.ArchiveKey);
        context.UserConfigs = context.ArchiveKey is null && record?.Fetched != FetchOutcome.Off ? FetchOutcome.Failed : record?.Fetched;
        return context;
    }

    /// <summary>Null on success. A failure is a refusal: one mandelbox must not keep the host from starting.</summary>
    private async Task<string?> RestoreLeaseAsync(Lease lease)
    {
        try
        {
            return (await Host.RestoreLease(lease)).Refusal;
        }
        catch (Exception exception)
        {
            return exception.Message;
        }
    }

    private static Task<SpinUpAnswer> AnswerDuplicate(MandelboxContext context, SpinUpRequest request)
    {
        if (!context.State.IsAlive)
        {
            return Refuse($"mandelbox {context.MandelboxId} is being taken down; it can be spun up again once it has gone");
        }

        if (context.Request is { } own && own.UserId == request.UserId && own.SessionId == request.SessionId)
        {
            if (context.Tasks.SpinUp is { } answer)
            {
                context.Tasks.Callers++;
                return answer;
            }

            return Task.FromResult(SpinUpAnswer.Failed(
                SpinUpPhases.KeyLost,
                $"mandelbox {context.MandelboxId} outlived a crash of the service, and its key did not: end it, then spin it up again"));
        }

        return Refuse($"mandelbox {context.MandelboxId} exists already, for another user or session");

        static Task<SpinUpAnswer> Refuse(string reason) => Task.FromResult(SpinUpAnswer.Failed(SpinUpPhases.Duplicate, reason));
    }
}

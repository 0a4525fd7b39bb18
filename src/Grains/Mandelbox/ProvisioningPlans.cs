using HostService.Grains.Host;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using Stage = HostService.Grains.Lifecycle.Stage<HostService.Grains.Mandelbox.MandelboxContext>;

namespace HostService.Grains.Mandelbox;

/// <param name="Preparation">What can refuse the request at once, and what is done once.</param>
/// <param name="Adoption">Instead of <paramref name="LeaseToStart"/>, where a mandelbox of the app waits.</param>
/// <param name="LeaseToStart">Undone and retried when <see cref="StartContainer.CanRetry"/>.</param>
/// <param name="BesideStart">Runs beside <paramref name="LeaseToStart"/>.</param>
/// <param name="AfterStart">Needs the container and what ran beside its start.</param>
public sealed record SpinUpPlan(
    IReadOnlyList<Stage> Preparation,
    IReadOnlyList<Stage> Adoption,
    IReadOnlyList<Stage> LeaseToStart,
    IReadOnlyList<Stage> BesideStart,
    IReadOnlyList<Stage> AfterStart)
{
    /// <summary>All but the adoption, in the order in which they are undone backwards.</summary>
    public IEnumerable<IStep<MandelboxContext>> Steps =>
        new[] { Preparation, LeaseToStart, BesideStart, AfterStart }.SelectMany(stages => stages).SelectMany(stage => stage.Steps);
}

/// <summary>
/// The steps of a mandelbox, as tables of stages. A step stands after everything that it needs, so that the reverse order is right for the
/// undo: the container is stopped and removed, the lease is released, user configs are saved, the directories are removed, and the row is
/// deleted.
/// </summary>
public class ProvisioningPlans(
    HostInfoSource hostInfo,
    ContainerCapabilitiesSource capabilities,
    IContainerEngine engine,
    IMandelboxFiles files,
    IInputDevices inputDevices,
    IBackendDatabase database,
    IUserConfigStore userConfigs,
    ICloudStorage cloudStorage,
    MandelboxRecords records,
    AgentContainers agentContainers,
    IOptions<MandelboxOptions> options,
    IOptions<DockerOptions> docker,
    IOptions<QueueOptions> queue,
    ILogger<ProvisioningPlans> logger)
{
    private HostEnvironment Environment => hostInfo.Current.Environment;

    private string InstanceName => hostInfo.Current.Identity.InstanceName;

    private TimeSpan? ClientTimeout => Environment.IsLocal ? null : options.Value.ClientTimeout;

    /// <summary>From a user's request to a running app (B7).</summary>
    /// <remarks>
    /// The lease stands twice, at its second place both for an adoption and for a cold start: a full host refuses before it makes
    /// directories, and the lease is released before the user configs are saved and the directories removed. Whichever undo is first leaves
    /// nothing for the other.
    /// </remarks>
    /// <param name="host">Gives the lease.</param>
    /// <param name="find">Finds another mandelbox: one that waits.</param>
    public virtual SpinUpPlan ForRequest(IHostGrain host, Func<string, IMandelboxGrain> find)
    {
        var lease = new LeaseStep(
            host,
            timeout: queue.Value.Timeout + options.Value.StepTimeout,
            endWaiting: id => find(id).EndWaiting("a spin-up needs what it holds"));
        var devices = InputDevices();
        var mappings = new WriteResourceMappings(files, ClientTimeout);
        var create = new CreateContainer(engine, hostInfo.Current.Owner, Environment, capabilities.Current);
        var start = new StartContainer(engine, options.Value.StopGrace);
        return new(
            Preparation:
            [
                new(new ClaimRow(database, InstanceName)),
                new(new CheckEncryptionToken()),
                new(lease),
                new(
                    new CreateDirectories(files),
                    new SaveUserConfigs(userConfigs, records, Environment, logger),
                    new PrepareCloudStorage(cloudStorage)),
            ],
            Adoption:
            [
                new(lease),
                new(new AdoptWaiting(
                    find, host, engine, files, inputDevices, cloudStorage, undo: [devices, mappings, create, start])),
                new(new MoveTo(MandelboxState.Waiting)),
            ],
            LeaseToStart:
            [
                new(lease, new FindImage(engine, Environment, docker.Value.ImageTemplate)),
                new(new MoveTo(MandelboxState.Leased)),
                new(devices),
                new(mappings, create),
                new(new MoveTo(MandelboxState.Created)),
                new(start),
                new(new MoveTo(MandelboxState.Started)),
            ],
            BesideStart: [new(new FetchUserConfigs(userConfigs, Environment, logger))],
            AfterStart:
            [
                new(new MoveTo(MandelboxState.Connecting)),
                new(new MarkReady(files, MarkReady.Ready)),
                .. Environment.IsDeployed ? [new Stage(new WaitForApp(files, engine, options.Value.AppTimeout))] : Array.Empty<Stage>(),
                new(new CheckContainerRuns(engine)),
                new(new KeepRecord(records, logger)),
                new(new MarkRowRunning(database)),
                new(new MoveTo(MandelboxState.Running)),
            ]);
    }

    /// <summary>From nothing to an app that waits for a user: all that does not depend on who that will be.</summary>
    public virtual IReadOnlyList<Stage> ForWaiting(IHostGrain host) =>
    [
        new(new LeaseStep(host)),
        new(new MoveTo(MandelboxState.Leased)),
        new(
            new CreateDirectories(files),
            new PrepareCloudStorage(cloudStorage),
            new FindImage(engine, Environment, docker.Value.ImageTemplate)),
        new(InputDevices()),
        new(
            new WriteResourceMappings(files, ClientTimeout),
            new CreateContainer(engine, hostInfo.Current.Owner, Environment, capabilities.Current)),
        new(new MoveTo(MandelboxState.Created)),
        new(new StartContainer(engine, stopGrace: TimeSpan.Zero)),
        new(new MoveTo(MandelboxState.Started)),
        new(new MarkReady(files, MarkReady.ParametersReady)),
        new(new CheckContainerRuns(engine)),
        new(new MoveTo(MandelboxState.Waiting)),
    ];

    /// <summary>A mandelbox of the host's own (B5): all that a user's gets, but for the row and the user configs.</summary>
    public IReadOnlyList<Stage> ForThrowAway(IHostGrain host, WarmUpOptions warmUp, bool waitForApp) =>
    [
        new(new LeaseStep(host)),
        new(new MoveTo(MandelboxState.Leased)),
        new(new CreateDirectories(files), new PrepareCloudStorage(cloudStorage)),
        new(InputDevices()),
        new(
            new WriteResourceMappings(files, clientTimeout: null),
            new CreateContainer(engine, hostInfo.Current.Owner, Environment, capabilities.Current)),
        new(new MoveTo(MandelboxState.Created)),
        new(new StartContainer(engine, waitForApp ? warmUp.StopGrace : TimeSpan.Zero)),
        new(new MoveTo(MandelboxState.Started)),
        .. waitForApp
            ? [new Stage(new MarkReady(files, MarkReady.Ready)), new Stage(new WaitForApp(files, engine, warmUp.AppTimeout))]
            : Array.Empty<Stage>(),
    ];

    /// <summary>ECS mode: directories, where they are missing.</summary>
    public IReadOnlyList<Stage> ForDirectories(MandelboxContext context) =>
        context.HasDirectories ? [] : [new(new CreateDirectories(files), new PrepareCloudStorage(cloudStorage))];

    /// <summary>ECS mode: input devices ahead of the agent's container (B29).</summary>
    public Stage ForDevices() => new(InputDevices());

    /// <summary>ECS mode: the agent's container has started (B29).</summary>
    public IReadOnlyList<Stage> ForAdoption(IHostGrain host, string containerId, IReadOnlyList<PortBinding> ports) =>
    [
        new(new LeaseStep(host, ports)),
        new(new MoveTo(MandelboxState.Leased)),
        new(new WriteResourceMappings(files, clientTimeout: null), Adoption(containerId)),
        new(new MoveTo(MandelboxState.Created)),
        new(new MoveTo(MandelboxState.Started)),
    ];

    /// <summary>ECS mode: the user's client has sent its DPI; the app may begin.</summary>
    public IReadOnlyList<Stage> ForReadiness() =>
    [
        new(new MoveTo(MandelboxState.Connecting)),
        new(new MarkReady(files, MarkReady.Ready)),
        new(new MoveTo(MandelboxState.Running)),
    ];

    /// <summary>ECS mode: the undo of this step stops the agent's container.</summary>
    public IStep<MandelboxContext> Adoption(string containerId) =>
        new AdoptContainer(engine, agentContainers, containerId, options.Value.StopGrace);

    private CreateInputDevices InputDevices() => new(inputDevices, capabilities.Current.Fuse, Environment.IsLocal, logger);
}

using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using Stage = HostService.Grains.Lifecycle.Stage<HostService.Grains.Mandelbox.MandelboxContext>;

namespace HostService.Grains.Mandelbox;

/// <summary>A spin-up in three parts. The middle one is undone and retried when <see cref="StartContainer.CanRetry"/>.</summary>
public sealed record SpinUpPlan(IReadOnlyList<Stage> BeforeLease, IReadOnlyList<Stage> LeaseToStart, IReadOnlyList<Stage> AfterStart);

/// <summary>
/// The steps of a mandelbox, as tables of stages. A step stands after everything that it needs, so that the reverse order is right for the
/// undo: the container is stopped and removed, the lease is released, user configs are saved, the directories are removed, and the row is
/// deleted.
/// </summary>
public sealed class ProvisioningPlans(
    HostInfoSource hostInfo,
    ContainerCapabilitiesSource capabilities,
    IContainerEngine engine,
    IMandelboxFiles files,
    IInputDevices inputDevices,
    IBackendDatabase database,
    IUserConfigStore userConfigs,
    ICloudStorage cloudStorage,
    AgentContainers agentContainers,
    IOptions<MandelboxOptions> options,
    IOptions<DockerOptions> docker,
    ILogger<ProvisioningPlans> logger)
{
    private HostEnvironment Environment => hostInfo.Current.Environment;

    private string InstanceName => hostInfo.Current.Identity.InstanceName;

    /// <summary>From a user's request to a running app (B7).</summary>
    public SpinUpPlan ForRequest(IHostGrain host) => new(
        BeforeLease:
        [
            new(new ClaimRow(database, InstanceName)),
            new(new CheckEncryptionToken()),
            new(new CreateDirectories(files), new SaveUserConfigs(userConfigs, Environment, logger), new PrepareCloudStorage(cloudStorage)),
        ],
        LeaseToStart:
        [
            new(new AcquireLease(host), new FindImage(engine, Environment, docker.Value.ImageTemplate)),
            new(new MoveTo(MandelboxState.Leased)),
            new(InputDevices()),
            new(
                new CreateContainer(engine, hostInfo.Current.Owner, Environment, capabilities.Current),
                new WriteResourceMappings(files, Environment.IsLocal ? null : options.Value.ClientTimeout)),
            new(new MoveTo(MandelboxState.Created)),
            new(new StartContainer(engine, options.Value.StopGrace)),
            new(new MoveTo(MandelboxState.Started)),
        ],
        AfterStart:
        [
            new(new MoveTo(MandelboxState.Connecting)),
            new(new FetchUserConfigs(userConfigs, Environment, logger)),
            new(new MarkReady(files)),
            .. Environment.IsDeployed ? [new Stage(new WaitForApp(files, options.Value.AppTimeout))] : Array.Empty<Stage>(),
            new(new CheckContainerRuns(engine)),
            new(new MarkRowRunning(database)),
            new(new MoveTo(MandelboxState.Running)),
        ]);

    /// <summary>ECS mode: directories, where they are missing.</summary>
    public IReadOnlyList<Stage> ForDirectories(MandelboxContext context) =>
        context.HasDirectories ? [] : [new(new CreateDirectories(files), new PrepareCloudStorage(cloudStorage))];

    /// <summary>ECS mode: input devices ahead of the agent's container (B29).</summary>
    public Stage ForDevices() => new(InputDevices());

    /// <summary>ECS mode: the agent's container has started (B29).</summary>
    public IReadOnlyList<Stage> ForAdoption(IHostGrain host, string containerId, IReadOnlyList<PortBinding> ports) =>
    [
        new(new AdoptLease(host, ports)),
        new(new MoveTo(MandelboxState.Leased)),
        new(Adoption(containerId)),
        new(new MoveTo(MandelboxState.Created)),
        new(new WriteResourceMappings(files, clientTimeout: null)),
        new(new MoveTo(MandelboxState.Started)),
    ];

    /// <summary>ECS mode: the user's client has sent its DPI; the app may begin.</summary>
    public IReadOnlyList<Stage> ForReadiness() =>
    [
        new(new MoveTo(MandelboxState.Connecting)),
        new(new MarkReady(files)),
        new(new MoveTo(MandelboxState.Running)),
    ];

    /// <summary>ECS mode: the undo of this step stops the agent's container.</summary>
    public IStep<MandelboxContext> Adoption(string containerId) =>
        new AdoptContainer(engine, agentContainers, containerId, options.Value.StopGrace);

    private CreateInputDevices InputDevices() => new(inputDevices, capabilities.Current.Fuse, Environment.IsLocal, logger);
}

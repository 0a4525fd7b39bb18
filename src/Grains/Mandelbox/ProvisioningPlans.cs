using HostService.GrainInterfaces;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure;
using HostService.Infrastructure.Backend.Rows;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Files;
using HostService.Infrastructure.Input;
using HostService.Infrastructure.Storage.CloudStorage;
using HostService.Infrastructure.Storage.UserConfigs;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace HostService.Grains.Mandelbox;

/// <summary>The stages of one way up, and how the webserver is told of its end.</summary>
public sealed record ProvisioningPlan(IReadOnlyList<Stage> Stages, Func<MandelboxRun, CancellationToken, Task> MarkDyingAsync);

/// <summary>
/// Puts a mandelbox's steps in order. The order is that of dependence, so that its reverse is right for the way back: the container ends and is removed,
/// the lease comes free, then the settings are saved, the directories go, and last the row.
/// </summary>
public sealed class ProvisioningPlans(
    HostInfoSource facts,
    ContainerCapabilitiesSource surroundings,
    IContainerEngine engine,
    IMandelboxFiles files,
    IInputDevices inputDevices,
    IBackendDatabase database,
    IUserConfigStore userConfigs,
    ICloudStorage cloudStorage,
    IOptions<MandelboxOptions> options,
    IOptions<DockerOptions> docker,
    IOptions<HostOptions> host,
    ILoggerFactory loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger<ProvisioningPlans>();

    public string Root => host.Value.Root;

    /// <summary>From a user's request to a running app (B7).</summary>
    public ProvisioningPlan ForRequest(IHostGrain hostGrain)
    {
        var known = facts.Current;
        var environment = known.Environment;
        var claim = new ClaimRow(database, known.Identity.InstanceName);
        UserConfigKey Key(MandelboxRun run) => new(run.RequiredRequest.UserId, environment.Name.ToLowerInvariant(), run.RequiredRequest.AppName);

        var stages = new List<Stage>
        {
            new(null, claim),
            new(null, new CheckEncryptionToken()),
            new(null, new MakeDirectories(files), new KeepUserConfigs(userConfigs, Key, _logger), new PlaceCloudStorage(cloudStorage)),
            new(MandelboxState.Leased, new TakeLease(hostGrain), new FindImage(FindImageAsync)),
            new(null, new MakeInputDevices(inputDevices, () => surroundings.Current.Fuse, environment.IsLocal, _logger)),
            new(
                MandelboxState.Created,
                new CreateContainer(engine, run => ContainerSpecs.Build(run, known.Identity.InstanceName, environment, surroundings.Current)),
                new WriteMappings(files, run => WriteMappings.ForLease(run, environment.IsLocal ? null : options.Value.ClientTimeout))),
            new(MandelboxState.Started, new StartContainer(engine, options.Value.StopGrace)),
            new(MandelboxState.Connecting),
            new(null, new FetchUserConfigs(userConfigs, Key, _logger)),
            new(null, new MarkReady(files)),
        };
        if (environment.IsDeployed)
        {
            stages.Add(new(null, new WaitForApp(files, options.Value.AppTimeout)));
        }

        stages.Add(new(null, new CheckAlive(engine)));
        stages.Add(new(MandelboxState.Running, new MarkRowRunning(database)));
        return new ProvisioningPlan(stages, claim.MarkDyingAsync);
    }

    /// <summary>ECS mode: input devices ahead of a container that somebody else is going to make (B29); they are the last stage.</summary>
    public IReadOnlyList<Stage> ForDevices(bool hasDirectories) =>
    [
        .. ForDirectories(hasDirectories),
        new(null, new MakeInputDevices(inputDevices, () => surroundings.Current.Fuse, facts.Current.Environment.IsLocal, _logger)),
    ];

    /// <summary>ECS mode: a container that somebody else made has started (B29). It is marked ready when its DPI arrives.</summary>
    public ProvisioningPlan ForAdoption(IHostGrain hostGrain, string containerId, IReadOnlyList<PortBinding> ports, bool hasDirectories)
    {
        List<Stage> stages =
        [
            .. ForDirectories(hasDirectories),
            new(MandelboxState.Leased, new AdoptLease(hostGrain, ports)),
            new(MandelboxState.Created, new AdoptContainer(engine, containerId, options.Value.StopGrace)),
            new(MandelboxState.Started, new WriteMappings(files, WriteMappings.ForAdopted)),
        ];
        return new ProvisioningPlan(stages, (_, _) => Task.CompletedTask);
    }

    /// <summary>ECS mode: a registered container that has ended before it was taken over; its way back removes it.</summary>
    public IMandelboxStep ForRemoval(string containerId) => new AdoptContainer(engine, containerId, options.Value.StopGrace);

    /// <summary>ECS mode: the user's client has told its DPI; the app may begin.</summary>
    public IReadOnlyList<Stage> ForReadiness() =>
    [
        new(MandelboxState.Connecting),
        new(MandelboxState.Running, new MarkReady(files)),
    ];

    private IEnumerable<Stage> ForDirectories(bool areThere) =>
        areThere ? [] : [new(null, new MakeDirectories(files), new PlaceCloudStorage(cloudStorage))];

    private async Task<string?> FindImageAsync(string app, CancellationToken cancellationToken) => facts.Current.Environment.IsLocal
        ? await engine.FindImageAsync(ContainerNames.LocalImagePatterns(app), cancellationToken)
        : ContainerNames.Image(docker.Value.ImageTemplate, facts.Current.Environment.Name, app);
}

/// <summary>Holds <see cref="ContainerCapabilities"/> from the moment start-up has found them.</summary>
public sealed class ContainerCapabilitiesSource
{
    public ContainerCapabilities Current { get; set; } = new();
}

using HostService.GrainInterfaces;
using HostService.Grains.Host;
using HostService.Grains;
using HostService.Grains.Lifecycle;
using HostService.Grains.Mandelbox;
using HostService.Grains.Mandelbox.Ecs;
using HostService.Grains.Mandelbox.Steps;
using HostService.Infrastructure.Docker;
using HostService.Infrastructure.Storage.Records;
using HostService.Infrastructure.Storage.UserConfigs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Schedules;

/// <summary>The real plans, with the seeded defect if there is one, and a look at what a mandelbox has when it is ready.</summary>
internal sealed class ModelPlans(
    ScheduledHost host,
    HostInfoSource info,
    ContainerCapabilitiesSource capabilities,
    IContainerEngine engine,
    MandelboxRecords records,
    AgentContainers agentContainers,
    IOptions<MandelboxOptions> options,
    Collaborators parts) : ProvisioningPlans(
        info, capabilities, engine, parts.Files, parts.Input, parts.Database, parts.UserConfigs, parts.CloudStorage, records,
        agentContainers, options, Options.Create(new DockerOptions()), Options.Create(new QueueOptions()), NullLogger<ProvisioningPlans>.Instance)
{
    private static readonly ArchiveKey Key = ArchiveKey.New("0123456789");

    private readonly Look _look = new(host);

    public override SpinUpPlan ForRequest(IHostGrain hostGrain, Func<string, IMandelboxGrain> find)
    {
        var plan = base.ForRequest(hostGrain, find);

        // The lease stands in the plan twice.
        var wrapped = new Dictionary<IStep<MandelboxContext>, IStep<MandelboxContext>>(ReferenceEqualityComparer.Instance);
        return new SpinUpPlan(
            Wrap(plan.Preparation), Wrap(plan.Adoption), Wrap(plan.LeaseToStart), Wrap(plan.BesideStart),
            [.. Wrap(plan.AfterStart), new Stage<MandelboxContext>(_look)]);

        IReadOnlyList<Stage<MandelboxContext>> Wrap(IReadOnlyList<Stage<MandelboxContext>> stages) =>
        [
            .. stages.Select(stage => new Stage<MandelboxContext>(
                [.. stage.Steps.Select(WrapOne)])),
        ];

        IStep<MandelboxContext> WrapOne(IStep<MandelboxContext> step) => wrapped.TryGetValue(step, out var there)
            ? there
            : wrapped[step] = Defects.Seed(host.Defect, step is SaveUserConfigs ? new WithKey(step) : step, hostGrain);
    }

    /// <summary>Without the derivation of the key, which takes milliseconds on the thread pool.</summary>
    private sealed class WithKey(IStep<MandelboxContext> step) : IStep<MandelboxContext>
    {
        public string Name => step.Name;

        public Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
        {
            context.ArchiveKey = Key;
            return Task.FromResult(StepResult.Done);
        }

        public Task UndoAsync(MandelboxContext context, CancellationToken cancellationToken) => step.UndoAsync(context, cancellationToken);
    }

    private sealed class Look(ScheduledHost host) : IStep<MandelboxContext>
    {
        private readonly int _run = host.Run;

        public string Name => "look";

        public Task<StepResult> DoAsync(MandelboxContext context, CancellationToken cancellationToken)
        {
            if (_run == host.Run)
            {
                host.CheckReady(context);
            }

            return Task.FromResult(StepResult.Done);
        }
    }
}

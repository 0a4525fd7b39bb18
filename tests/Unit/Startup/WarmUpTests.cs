using HostService.GrainInterfaces;
using HostService.Grains;
using HostService.Grains.Mandelbox;
using HostService.Infrastructure.Docker;
using HostService.Silo.Startup;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace HostService.Tests.Unit.Startup;

/// <summary>B5.</summary>
public sealed class WarmUpTests
{
    private readonly FakeContainerEngine _engine = new();
    private readonly List<GpuDescription> _gpus = [new GpuDescription { Index = 0, Name = "T4", Uuid = "GPU-0" }];
    private readonly ContainerCapabilitiesSource _surroundings =
        new() { Current = new ContainerCapabilities { Runtimes = ["nvidia", "runc"] } };

    [Fact]
    public async Task Two_containers_are_started_and_removed()
    {
        await RunAsync();
        Assert.Equal(
            (2, 2, 2), (_engine.CallsOf(EngineCall.Create), _engine.CallsOf(EngineCall.Start), _engine.CallsOf(EngineCall.Remove)));
        Assert.Empty(_engine.Containers);
    }

    [Fact]
    public async Task What_a_run_that_crashed_while_it_warmed_up_has_left_is_removed_first_and_nothing_else()
    {
        await MakeAsync("host-service-warmup-1", WarmUp.MandelboxId);
        await MakeAsync("somebody-elses", "browsers/chrome");
        await RunAsync();
        Assert.Equal("somebody-elses", Assert.Single(_engine.Containers).Name);
    }

    [Theory]
    [InlineData(true, true, "nvidia")]
    [InlineData(true, false, null)]
    [InlineData(false, true, null)]
    public async Task They_use_the_driver_where_a_mandelbox_would(bool gpu, bool hasRuntime, string? runtime)
    {
        if (!gpu)
        {
            _gpus.Clear();
        }

        if (!hasRuntime)
        {
            _surroundings.Current = new ContainerCapabilities { Runtimes = ["runc"] };
        }

        using var held = _engine.Hold(EngineCall.Start);
        var run = RunAsync();
        await held.Entered;
        var spec = _engine.SpecOf("host-service-warmup-1");
        held.Release();
        await run;

        Assert.Equal(runtime, spec.Runtime);
        Assert.Contains("NVIDIA_VISIBLE_DEVICES=all", spec.Environment);
    }

    private Task RunAsync() => new WarmUp(
        _engine,
        new HostInfoSource(new HostInfo
        {
            Identity = new HostIdentity("host-7", "i-1", "g4dn.xlarge", "ami-1", "us-east-1", "127.0.0.1"),
            Environment = HostEnvironment.Dev,
            Gpus = _gpus,
        }),
        _surroundings,
        TimeProvider.System,
        NullLogger<WarmUp>.Instance).RunAsync(CancellationToken.None);

    private Task<string> MakeAsync(string name, string app) => _engine.CreateAsync(
        new ContainerSpec
        {
            Name = name,
            Image = FakeContainerEngine.DemoImage,
            Labels = new Dictionary<string, string> { [ContainerLabels.Host] = "host-7", [ContainerLabels.App] = app },
        },
        CancellationToken.None);
}

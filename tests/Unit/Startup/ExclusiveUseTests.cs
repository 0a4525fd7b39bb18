using HostService.Gateway;
using HostService.Infrastructure;
using HostService.Infrastructure.Linux.Processes;
using HostService.Silo.Hosting;
using HostService.Silo.Startup;
using HostService.Tests.Support;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Startup;

/// <summary>What two running services must not share.</summary>
public sealed class ExclusiveUseTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();
    private readonly ProcessClaims _others = new();
    private readonly ProcessClaims _ours = new();

    public void Dispose()
    {
        _ours.Dispose();
        _others.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public void Everything_that_is_shared_is_named_at_once()
    {
        Assert.True(_others.TryTake($"directory {_scratch["root"]}"));
        Assert.True(_others.TryTake($"directory {_scratch["cloud"]}"));

        var refusal = Assert.Throws<StartRefusedException>(Use().ClaimDirectoriesAndPorts);

        Assert.Contains(
            $"the same Host:Root ({_scratch["root"]}), Host:CloudStorageRoot ({_scratch["cloud"]}): ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_that_is_refused_takes_nothing_from_a_service_that_starts_at_the_same_time()
    {
        Assert.True(_others.TryTake($"directory {_scratch["root"]}"));
        Assert.Throws<StartRefusedException>(Use().ClaimDirectoriesAndPorts);

        Assert.True(_others.TryTake($"directory {_scratch["private"]}"));
        Assert.True(_others.TryTake($"directory {_scratch["cloud"]}"));
    }

    private ExclusiveUse Use()
    {
        var host = new HostOptions { Root = _scratch["root"], PrivateRoot = _scratch["private"], CloudStorageRoot = _scratch["cloud"] };
        return new ExclusiveUse(
            Options.Create(host),
            Options.Create(new OrleansOptions { SiloPort = TestPorts.Reserve() }),
            Options.Create(new GatewayOptions { Port = 0 }),
            _ours);
    }
}

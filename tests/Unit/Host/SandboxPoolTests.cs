using HostService.GrainInterfaces;
using HostService.Grains.Host;

namespace HostService.Tests.Unit.Host;

public sealed class SandboxPoolTests
{
    private readonly PortPool _tcp = new([], _ => true, new Random(1));
    private readonly PortPool _udp = new([], _ => true, new Random(2));

    [Fact]
    public void Ports_of_a_sandbox_are_taken_from_before_its_start_until_it_is_forgotten()
    {
        var pool = NewPool(1);
        var sandbox = pool.Begin()!;
        Assert.Equal((2, 1), (_tcp.Used, _udp.Used));
        Assert.Equal(MandelboxPorts.All, sandbox.Ports.Select(port => (port.MandelboxPort, port.Transport)));

        Assert.True(pool.SetReady(sandbox.Name));
        Assert.True(pool.TryTake(out var taken));
        Assert.Equal((sandbox.Name, SandboxState.Used), (taken.Name, taken.State));
        pool.Forget(sandbox.Name);
        Assert.Equal((2, 1), (_tcp.Used, _udp.Used));

        pool.Return(sandbox.Name);
        Assert.Equal((2, 1), (_tcp.Used, _udp.Used));
        pool.Forget(sandbox.Name);
        Assert.Equal((0, 0), (_tcp.Used, _udp.Used));
        Assert.Empty(pool.Sandboxes);
    }

    [Fact]
    public void As_many_as_the_size_are_begun_and_a_used_one_makes_room()
    {
        var pool = NewPool(2);
        var first = pool.Begin()!;
        Assert.NotNull(pool.Begin());
        Assert.Null(pool.Begin());
        Assert.Equal(new PoolFigures(2, 2), pool.Figures);

        pool.SetReady(first.Name);
        Assert.Null(pool.Begin());
        Assert.Equal(new PoolFigures(2, 1), pool.Figures);

        Assert.True(pool.TryTake(out _));
        Assert.NotNull(pool.Begin());
        Assert.Null(NewPool(0).Begin());
        Assert.Null(NewPool(0).Figures);
    }

    [Fact]
    public void One_that_ended_is_never_given()
    {
        var pool = NewPool(2);
        var (starting, ready) = (pool.Begin()!, pool.Begin()!);
        pool.SetReady(ready.Name);

        pool.SetEnded(starting.Name);
        pool.SetEnded(ready.Name);
        pool.SetEnded("another");

        Assert.False(pool.SetReady(starting.Name));
        Assert.False(pool.TryTake(out _));
        Assert.All(pool.Sandboxes, sandbox => Assert.Equal(SandboxState.Ended, sandbox.State));
    }

    [Fact]
    public void The_oldest_is_given_first_and_one_only_once()
    {
        var pool = NewPool(3);
        var names = Enumerable.Range(0, 3).Select(_ => pool.Begin()!.Name).ToList();
        names.ForEach(name => pool.SetReady(name));
        pool.SetEnded(names[1]);

        Assert.Equal([names[0], names[2]], Enumerable.Range(0, 2).Select(_ => pool.TryTake(out var taken) ? taken.Name : ""));
        Assert.False(pool.TryTake(out _));
    }

    [Fact]
    public void Without_a_free_port_none_is_begun_and_no_port_stays_taken()
    {
        var udp = new PortPool([], _ => false, new Random(1));
        var pool = new SandboxPool(_tcp, udp, 1);

        Assert.Null(pool.Begin());
        Assert.Equal((0, 0), (_tcp.Used, udp.Used));
    }

    [Fact]
    public void One_of_an_earlier_run_is_restored_with_its_ports_unless_another_has_them()
    {
        var pool = NewPool(1);
        var other = pool.Begin()!;
        PortBinding[] ports =
        [
            new(MandelboxPorts.Control, Transport.Tcp, Other(other, 0)),
            new(MandelboxPorts.Media, Transport.Udp, Other(other, 1)),
            new(MandelboxPorts.Secondary, Transport.Tcp, other.Ports[2].HostPort),
        ];

        Assert.False(pool.TryRestore("earlier", ports));
        Assert.Equal((2, 1), (_tcp.Used, _udp.Used));

        ports[2] = ports[2] with { HostPort = Other(other, 2) };
        Assert.True(pool.TryRestore("earlier", ports));
        Assert.False(pool.TryRestore("earlier", ports));
        Assert.Equal((4, 2), (_tcp.Used, _udp.Used));
        pool.Return("earlier");
        pool.Forget("earlier");
        Assert.Equal((2, 1), (_tcp.Used, _udp.Used));
    }

    private static ushort Other(NetworkSandbox sandbox, int index) =>
        (ushort)Enumerable.Range(20_000 + (index * 10), 10).First(port => sandbox.Ports.All(p => p.HostPort != port));

    private SandboxPool NewPool(int size) => new(_tcp, _udp, size);
}

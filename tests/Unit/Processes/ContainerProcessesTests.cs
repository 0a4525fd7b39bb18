using HostService.Infrastructure.Linux.Processes;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Processes;

/// <summary>An engine that says "running" of a dead process is not believed; one that numbers processes differently is.</summary>
public sealed class ContainerProcessesTests : IDisposable
{
    private const string Container = "0123456789abcdef";
    private readonly ScratchDirectory _proc = new();
    private readonly ContainerProcesses _processes;

    public ContainerProcessesTests() => _processes = new ContainerProcesses(_proc.Path);

    public void Dispose() => _proc.Dispose();

    [Fact]
    public void A_process_that_was_seen_and_is_gone_has_ended()
    {
        Run(Container);
        _processes.See(Container, 42);
        Assert.True(_processes.IsKnown(Container));
        Assert.False(_processes.HasEnded(Container));

        Directory.Delete(_proc["42"], recursive: true);

        Assert.True(_processes.HasEnded(Container));
    }

    [Fact]
    public void A_number_that_another_process_has_by_now_is_not_the_containers()
    {
        Run(Container);
        _processes.See(Container, 42);

        Run("another-container");

        Assert.True(_processes.HasEnded(Container));
    }

    [Theory]
    [InlineData("Z", 1, true)]
    [InlineData("Z", 3, false)]
    [InlineData("S", 1, false)]
    public void A_zombie_has_ended_unless_other_threads_of_it_go_on(string state, int threads, bool ended)
    {
        Run(Container);
        _processes.See(Container, 42);

        Run(Container, state, threads);

        Assert.Equal(ended, _processes.HasEnded(Container));
    }

    [Fact]
    public void A_process_that_was_never_seen_here_has_not_ended()
    {
        // The engine's machine is another one, where 42 is the container's.
        Run("another-container");
        _processes.See(Container, 42);
        _processes.See(Container, 43);

        Assert.False(_processes.IsKnown(Container));
        Assert.False(_processes.HasEnded(Container));
    }

    [Fact]
    public void Containers_that_are_gone_are_forgotten()
    {
        Run(Container);
        _processes.See(Container, 42);

        _processes.Keep(new HashSet<string> { "another-container" });

        Assert.False(_processes.IsKnown(Container));
    }

    private void Run(string container, string state = "S", int threads = 1)
    {
        Directory.CreateDirectory(_proc["42"]);
        File.WriteAllText(_proc["42/cgroup"], $"4:memory:/docker/{container}\n0::/system.slice/docker-{container}.scope\n");
        File.WriteAllText(_proc["42/stat"], $"42 (a) (name) {state} 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 {threads} 0 1234 1 1\n");
    }
}

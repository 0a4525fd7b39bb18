using HostService.Infrastructure.Linux.Processes;
using HostService.Tests.Support;

namespace HostService.Tests.Unit.Processes;

public sealed class ProgramRunnerTests
{
    private readonly ManualClock _clock = new();

    [Fact]
    public async Task A_program_gets_its_input_and_gives_its_output() => Assert.Equal("some input", await RunAsync("cat", "some input"));

    [Fact]
    public async Task Output_is_read_to_its_end_and_kept_in_part() =>
        Assert.Equal(new string('\0', 4096), await RunAsync("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"));

    [Fact]
    public async Task A_program_that_fails_is_quoted()
    {
        var exception = await Assert.ThrowsAsync<IOException>(() => RunAsync("echo first >&2; echo second >&2; exit 7"));

        Assert.EndsWith("ended with 7: first second", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_that_hangs_is_killed_at_the_timeout()
    {
        var running = RunAsync("exec tail -f /dev/null");
        _clock.Advance(TimeSpan.FromSeconds(5));

        Assert.EndsWith("did not end within 5 s", (await Assert.ThrowsAsync<IOException>(() => running)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_is_killed_on_cancellation()
    {
        using var end = new CancellationTokenSource();
        var running = RunAsync("exec tail -f /dev/null", cancellationToken: end.Token);
        await end.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task A_missing_program_is_named()
    {
        var exception = await Assert.ThrowsAsync<IOException>(
            () => ProgramRunner.RunAsync("/no/such", [], "", TimeSpan.FromSeconds(5), _clock, default));

        Assert.Equal("/no/such cannot be run: No such file or directory", exception.Message);
    }

    private Task<string> RunAsync(string script, string input = "", CancellationToken cancellationToken = default) =>
        ProgramRunner.RunAsync("sh", ["-c", script], input, TimeSpan.FromSeconds(5), _clock, cancellationToken);
}

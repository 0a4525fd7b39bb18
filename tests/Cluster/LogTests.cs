using System.Text;
using HostService.Infrastructure.Docker;
using HostService.Tests.Support;

namespace HostService.Tests.Cluster;

/// <summary>What a mandelbox has written, read through its grain.</summary>
public sealed class LogTests
{
    [Fact]
    public async Task Of_a_living_one_the_last_lines_of_its_container_are_read()
    {
        await using var cluster = await UpAsync();
        var container = Assert.Single(cluster.Engine.Containers).Id;
        foreach (var line in new[] { "one", "two", "three" })
        {
            cluster.Engine.Write(container, line);
        }

        Assert.Equal("two\nthree\n", await ReadAsync(cluster, lines: 2));
    }

    [Fact]
    public async Task Whoever_follows_gets_each_line_until_it_ends()
    {
        await using var cluster = await UpAsync();
        var container = Assert.Single(cluster.Engine.Containers).Id;
        cluster.Engine.Write(container, "before");
        await using var pieces = Logs(cluster, 10, follow: true).GetAsyncEnumerator();
        Assert.True(await pieces.MoveNextAsync());
        Assert.Equal("before\n", Encoding.UTF8.GetString(pieces.Current));

        cluster.Engine.Write(container, "live");
        Assert.True(await pieces.MoveNextAsync());
        Assert.Equal("live\n", Encoding.UTF8.GetString(pieces.Current));

        await cluster.DieAsync("m1", exitCode: 0);
        Assert.False(await pieces.MoveNextAsync());
    }

    [Fact]
    public async Task Whoever_leaves_is_waited_for_no_longer()
    {
        await using var cluster = await UpAsync();
        using var left = new CancellationTokenSource();
        var reading = ReadAsync(cluster, follow: true, cancellationToken: left.Token);
        await cluster.Engine.Until(engine => engine.CallsOf(EngineCall.Output) == 1);

        await left.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Of_one_that_has_gone_the_files_are_read_that_it_has_left_and_no_other_sessions()
    {
        await using var cluster = await UpAsync();
        var logs = Path.Combine(cluster.Root, "temp", "logs", "m1");
        await File.WriteAllTextAsync(Path.Combine(logs, "1", "app.log"), "one\ntwo\n");
        await File.WriteAllTextAsync(Path.Combine(logs, "1", "crash.log"), "oh");
        Directory.CreateDirectory(Path.Combine(logs, "2"));
        await File.WriteAllTextAsync(Path.Combine(logs, "2", "other.log"), "of another session");
        await cluster.Mandelbox("m1").Stop("test");

        Assert.Equal("==> app.log <==\ntwo\n\n==> crash.log <==\noh\n\n", await ReadAsync(cluster, lines: 1));
        Assert.Equal("", await ReadAsync(cluster, id: "m2"));
    }

    [Fact]
    public async Task One_without_a_container_yet_has_written_nothing()
    {
        await using var cluster = await new HostCluster().StartAsync();
        using var creation = cluster.Engine.Hold(EngineCall.Create);
        var spinUp = cluster.Mandelbox("m1").SpinUp(HostCluster.Request());
        await creation.Entered;

        Assert.Equal("", await ReadAsync(cluster));

        creation.Release();
        await spinUp;
    }

    [Fact]
    public async Task An_engine_that_does_not_answer_is_an_error()
    {
        await using var cluster = await UpAsync();
        cluster.Engine.FailNext(EngineCall.Output, EngineFailure.Unreachable);

        await Assert.ThrowsAnyAsync<Exception>(() => ReadAsync(cluster));
    }

    private static async Task<HostCluster> UpAsync()
    {
        var cluster = await new HostCluster().StartAsync();
        Assert.Null((await cluster.Mandelbox("m1").SpinUp(HostCluster.Request())).Failure);
        return cluster;
    }

    private static IAsyncEnumerable<byte[]> Logs(HostCluster cluster, int lines, bool follow, string id = "m1") =>
        cluster.LogsOf(id).Read(lines, follow);

    private static async Task<string> ReadAsync(
        HostCluster cluster, bool follow = false, int lines = 10, string id = "m1", CancellationToken cancellationToken = default)
    {
        var text = new StringBuilder();
        await foreach (var piece in Logs(cluster, lines, follow, id).WithCancellation(cancellationToken))
        {
            text.Append(Encoding.UTF8.GetString(piece));
        }

        return text.ToString();
    }
}

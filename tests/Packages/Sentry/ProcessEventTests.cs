using System.Net.Quic;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Sentry;

namespace HostService.Tests.Packages.Sentry;

/// <summary>What nobody looks at: here, tasks that failed.</summary>
public sealed class ProcessEventTests : SentryTest
{
    [Fact]
    public async Task A_failed_task_that_nobody_looked_at_says_how_it_was_found()
    {
        Observe();
        Forget(new InvalidOperationException("unseen"));

        var exceptions = await FindAsync("unseen");

        var mechanism = exceptions[^1].GetProperty("mechanism");
        Assert.Equal("UnobservedTaskException", mechanism.GetProperty("type").GetString());
        Assert.NotEmpty(mechanism.GetProperty("description").GetString()!);
        Assert.False(mechanism.GetProperty("handled").GetBoolean());
    }

    [Fact]
    public async Task Tasks_that_a_quic_connection_left_behind_are_nobodys_business()
    {
        Observe();
        Forget(new QuicException(QuicError.ConnectionAborted, null, "left by a connection"));
        Forget(new InvalidOperationException("and one more"));

        // Finalizers run in no order: the first may come after the second.
        await FindAsync("and one more");
        Collect();
        await SentrySdk.FlushAsync(TimeSpan.FromSeconds(10));
        while (Server.Unread > 0)
        {
            Assert.DoesNotContain("left by a connection", (await Server.NextAsync()).Items[0].Payload.ToString(), StringComparison.Ordinal);
        }
    }

    // The helper of all the others switches it off.
    private void Observe() => SentrySdk.Init(options =>
    {
        options.Dsn = Server.Dsn;
        options.DisableFileWrite = true;
    });

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(Exception exception) => _ = Task.FromException(exception);

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private async Task<JsonElement[]> FindAsync(string message)
    {
        Collect();
        while (true)
        {
            // Other tests of this process leave tasks, too.
            var values = (await Server.NextEventAsync()).GetProperty("exception").GetProperty("values").EnumerateArray().ToArray();
            if (values.Any(v => v.GetProperty("value").GetString() == message))
            {
                return values;
            }
        }
    }
}

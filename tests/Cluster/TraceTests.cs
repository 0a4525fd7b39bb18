using System.Collections.Concurrent;
using System.Diagnostics;
using HostService.Grains.Lifecycle;

namespace HostService.Tests.Cluster;

public sealed class TraceTests
{
    [Fact]
    public async Task A_spin_up_and_its_clean_up_are_one_trace_each_with_a_span_per_step()
    {
        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == LifecycleActivity.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using var cluster = await new HostCluster().StartAsync();

        // The span of a caller, as ASP.NET starts one for a request.
        using var request = new Activity("request").Start();
        Assert.Null((await cluster.Mandelbox("traced").SpinUp(HostCluster.Request())).Failure);
        Assert.True(await cluster.Mandelbox("traced").Stop("test"));

        foreach (var (name, step) in new[] { ("spin up", "start"), ("clean up", "undo start") })
        {
            var root = Assert.Single(ended, a => a.OperationName == name && Equals(a.GetTagItem("mandelbox.id"), "traced"));
            Assert.Null(root.ParentId);
            var steps = ended.Where(a => a.TraceId == root.TraceId && a != root).ToList();
            Assert.Contains(step, steps.Select(a => a.OperationName));
            Assert.All(steps, a => Assert.Equal(root.SpanId, a.ParentSpanId));
        }
    }
}

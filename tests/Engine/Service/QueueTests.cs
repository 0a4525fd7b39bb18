using System.Net;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>Spin-ups that wait at a full host, with an engine that answers at once.</summary>
public sealed class QueueTests
{
    [Fact]
    public async Task A_spin_up_at_a_full_host_waits_for_its_turn_and_a_caller_that_hangs_up_gives_its_place_away()
    {
        await using var instant = await InstantEngine.StartAsync(seed: 1);
        using var directory = new ScratchDirectory();
        await using var service = await ServiceProcess.StartAsync(ServiceSettings.Local(instant.Endpoint, directory).With(
            ("Host__CpuOnlySlots", "1"), ("Queue__Capacity", "5"), ("Queue__Timeout", "00:00:15")));
        using var first = await PutAsync(service, "user-1");
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);

        using var hangUp = new CancellationTokenSource();
        var second = PutAsync(service, "user-2", hangUp.Token);
        await UntilQueueIsAsync(service, "user-2");
        var third = PutAsync(service, "user-3");
        await UntilQueueIsAsync(service, "user-2", "user-3");
        Assert.Equal(2, (int)JsonNode.Parse(await service.Http.GetStringAsync("/v1/mandelboxes/user-3"))!["queuePlace"]!);
        Assert.Matches(@"(?m)^host_service_queued_spin_ups(\{.*\})? 2\b", await service.Http.GetStringAsync("/metrics"));

        await hangUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await UntilQueueIsAsync(service, "user-3");
        using var deleted = await service.Http.DeleteAsync("/v1/mandelboxes/user-1");
        using var answer = await third;

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.OK), (deleted.StatusCode, answer.StatusCode));
        Assert.Equal(0, await service.EndAsync());
    }

    private static async Task<HttpResponseMessage> PutAsync(ServiceProcess service, string id, CancellationToken cancellationToken = default)
    {
        using var body = new StringContent(TestService.Body(id).ToJsonString());
        return await service.Http.PutAsync("/spin_up_mandelbox", body, cancellationToken);
    }

    private static async Task UntilQueueIsAsync(ServiceProcess service, params string[] ids)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!JsonNode.Parse(await service.Http.GetStringAsync("/v1/host"))!["queue"]!.AsArray().Select(id => (string)id!).SequenceEqual(ids))
        {
            await pace.WaitForNextTickAsync(late.Token);
        }
    }
}

using System.Net;
using HostService.Tests.Support;

namespace HostService.Tests.Engine.Service;

/// <summary>A full host: as many mandelboxes as there are TTYs, all at once.</summary>
[Collection(EngineCollection.Name)]
public sealed class CapacityTests(EngineFixture engine)
{
    private const int All = 54;

    [EngineFact]
    public async Task All_54_come_up_at_once_the_next_is_told_why_not_and_draining_ends_every_one()
    {
        await using var service = await TestService.StartAsync(
            engine.Endpoint,
            // The engine starts them one after the other, and this machine may have other things to do.
            ("Mandelbox__StepTimeout", "00:01:48"), ("Mandelbox__SpinUpTimeout", "00:01:48"), ("Mandelbox__AnswerTimeout", "00:00:25"));

        var answers = await Task.WhenAll(Enumerable.Range(0, All).Select(i => service.SpinUpAsync(TestService.Body($"full-{i}"))));

        Assert.All(answers, a => Assert.True(a.Status == HttpStatusCode.OK, $"{a.Status} {a.Answer}"));
        var leases = (await service.GetAsync("/v1/mandelboxes")).AsArray().Select(m => m!["lease"]!).ToList();
        Assert.Equal(Enumerable.Range(10, All), leases.Select(l => (int)l["tty"]!).Order());
        Assert.Equal(
            All * 3, leases.SelectMany(l => l["ports"]!.AsArray()).Select(p => $"{p!["transport"]}/{p["hostPort"]}").Distinct().Count());
        Assert.Equal(All, (await service.ContainersAsync()).Count(c => c.Running));

        var (status, refused) = await service.SpinUpAsync(TestService.Body("one-too-many"));
        Assert.Equal(HttpStatusCode.NotAcceptable, status);
        Assert.Matches("54|no free|none", (string)refused["error"]!);

        Assert.Equal(HttpStatusCode.NoContent, await service.DeleteAsync("full-0"));
        await service.UpAsync("one-more");

        Assert.Equal(0, await service.Process.EndAsync());
        Assert.Empty(await service.ContainersAsync());
        Assert.False(Directory.Exists(service.Settings.Root), service.Process.Log.Text);
    }
}

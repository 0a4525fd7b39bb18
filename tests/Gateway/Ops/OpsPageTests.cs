using System.Net;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Gateway.Ops;

public sealed class OpsPageTests
{
    private const string Loopback = "127.0.0.1";
    private const string Hostile = "<img src=x onerror=alert(1)>\"'&{0}";
    private const string Encoded = "&lt;img src=x onerror=alert(1)&gt;&quot;&#x27;&amp;{0}";

    public static TheoryData<string> Paths => new("/ops", "/ops/mandelboxes/box-1", "/ops/ops.js", "/ops/ops.css", "/ops/icon.svg");

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Nothing_of_another_origin_is_loaded_and_nobody_may_frame_it(string path)
    {
        await using var host = await HostAsync(Samples.Host(), Samples.Mandelbox());

        using var answer = await host.SendAsync("GET", path, null, Loopback);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
            + "frame-ancestors 'none'",
            Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("same-origin", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
    }

    [Theory]
    [InlineData("/ops/ops.js", "text/javascript")]
    [InlineData("/ops/ops.css", "text/css")]
    [InlineData("/ops/icon.svg", "image/svg+xml")]
    public async Task A_file_is_sent_once_and_asked_for_again_at_each_visit(string path, string type)
    {
        await using var host = await HostAsync(Samples.Host());

        using var first = await host.SendAsync("GET", path, null, Loopback);
        host.Client.DefaultRequestHeaders.IfNoneMatch.Add(first.Headers.ETag!);
        using var second = await host.SendAsync("GET", path, null, Loopback);

        Assert.Equal((HttpStatusCode.OK, type), (first.StatusCode, first.Content.Headers.ContentType!.MediaType));
        Assert.NotEmpty(await first.Content.ReadAsByteArrayAsync());
        Assert.Equal("no-cache", first.Headers.CacheControl!.ToString());
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        Assert.Empty(await second.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task The_first_view_of_the_host_needs_no_script()
    {
        await using var host = await HostAsync(Samples.Host(), Samples.Mandelbox(age: 7200), Samples.Mandelbox("box-2", MandelboxState.Dying));

        var page = await PageAsync(host, "/ops");

        Assert.Contains("i-0123", page, StringComparison.Ordinal);
        Assert.Contains("g4dn.xlarge", page, StringComparison.Ordinal);
        Assert.Contains("2 of 4", page, StringComparison.Ordinal);
        Assert.Contains("out of service: XID 79", page, StringComparison.Ordinal);
        Assert.Contains("href=\"/ops/mandelboxes/box-1\"", page, StringComparison.Ordinal);
        Assert.Contains(">running</span>", page, StringComparison.Ordinal);
        Assert.Contains(">2 h</td>", page, StringComparison.Ordinal);
        Assert.Contains(">dying</span>", page, StringComparison.Ordinal);
        Assert.Contains(">ready</span>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("noscript", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_has_no_script_and_no_style_of_its_own()
    {
        await using var host = await HostAsync(Samples.Host(), Samples.Mandelbox());
        foreach (var path in new[] { "/ops", "/ops/mandelboxes/box-1" })
        {
            var page = await PageAsync(host, path);

            Assert.DoesNotMatch("<style|style=|\\son[a-z]+=|javascript:|<script(?! type=\"module\" src=\"/ops/ops.js\"></script>)", page);
            Assert.DoesNotMatch("(src|href)=\"(?!/|#)", page);
        }
    }

    [Fact]
    public async Task A_host_that_is_not_ready_says_why_in_a_sentence_and_what_to_try()
    {
        await using var host = await HostAsync(Samples.Host(HostStatus.Active, "the container engine does not answer"));

        var page = await PageAsync(host, "/ops");

        Assert.Contains("not ready", page, StringComparison.Ordinal);
        Assert.Contains("<li>The container engine does not answer.</li>", page, StringComparison.Ordinal);
        Assert.Contains("host-service doctor", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_does_not_answer_still_has_a_page_that_asks_again()
    {
        var grains = new FakeGrains().Host<HostDescription>(nameof(IHostGrain.Describe), _ => throw new InvalidOperationException("secret"));
        await using var host = await GatewayHost.LocalAsync(grains);

        using var answer = await host.SendAsync("GET", "/ops", null, Loopback);
        var page = await answer.Content.ReadAsStringAsync();

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "text/html"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
        Assert.Contains("The host does not answer.", page, StringComparison.Ordinal);
        Assert.Contains("/ops/ops.js", page, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_callers_and_the_machine_say_is_text_and_never_markup()
    {
        var sample = Samples.Host(HostStatus.Active, Hostile);
        await using var host = await HostAsync(
            sample with { Version = Hostile, Environment = Hostile, Gpus = [sample.Gpus[1] with { Name = Hostile, Unhealthy = Hostile }], Queue = [Hostile] },
            Samples.Mandelbox() with
            {
                AppName = Hostile,
                UserId = Hostile,
                Step = Hostile,
                EndCause = EndCause.AppExited,
                EndReason = Hostile,
                Warnings = [Hostile],
                ContainerId = Hostile,
            });

        foreach (var (path, least) in new[] { ("/ops", 8), ("/ops/mandelboxes/box-1", 6) })
        {
            var page = await PageAsync(host, path);

            Assert.DoesNotContain("<img", page, StringComparison.OrdinalIgnoreCase);
            Assert.True(page.Split(Encoded).Length > least, page);
        }
    }

    [Fact]
    public async Task A_list_shows_users_shortened_and_a_mandelboxs_page_in_full()
    {
        await using var host = await HostAsync(Samples.Host(), Samples.Mandelbox() with { UserId = "somebody@example.org" });

        var list = await PageAsync(host, "/ops");
        var one = await PageAsync(host, "/ops/mandelboxes/box-1");

        Assert.Contains("title=\"somebody@example.org\">s&#x2026;@example.org</td>", list, StringComparison.Ordinal);
        Assert.Contains("<dd>somebody@example.org</dd>", one, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mandelbox_that_has_gone_says_why()
    {
        var gone = Samples.Mandelbox("box-2", MandelboxState.Gone) with { EndCause = EndCause.OutOfMemory, EndReason = "its container ran out of memory" };
        await using var host = await HostAsync(Samples.Host());
        host.Grains.Host<MandelboxTimeline?>(nameof(IHostGrain.FindEnded), new MandelboxTimeline(gone, []));

        Assert.Contains("OutOfMemory: its container ran out of memory.", await PageAsync(host, "/ops/mandelboxes/box-2"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("box-3")]
    [InlineData("-%3Cb%3E")]
    public async Task A_mandelbox_that_is_not_known_is_a_404_with_a_way_back(string id)
    {
        await using var host = await HostAsync(Samples.Host());

        using var answer = await host.SendAsync("GET", $"/ops/mandelboxes/{id}", null, Loopback);
        var page = await answer.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("There is no such mandelbox", page, StringComparison.Ordinal);
        Assert.Contains("href=\"/ops\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_script_puts_no_text_into_the_page_as_markup()
    {
        await using var host = await HostAsync(Samples.Host());

        using var answer = await host.SendAsync("GET", "/ops/ops.js", null, Loopback);

        Assert.DoesNotMatch(
            "innerHTML|outerHTML|insertAdjacentHTML|document\\.write|DOMParser|createContextualFragment|eval\\(|new Function|setHTML|srcdoc",
            await answer.Content.ReadAsStringAsync());
    }

    private static async Task<GatewayHost> HostAsync(HostDescription description, params MandelboxDescription[] mandelboxes)
    {
        var grains = new FakeGrains()
            .Host(nameof(IHostGrain.Describe), description)
            .Host<IReadOnlyList<MandelboxDescription>>(nameof(IHostGrain.ListMandelboxes), mandelboxes)
            .Host<MandelboxTimeline?>(nameof(IHostGrain.FindEnded), (MandelboxTimeline?)null)
            .Mandelbox(nameof(IMandelboxGrain.Describe), call => Task.FromResult(mandelboxes.FirstOrDefault(m => m.MandelboxId == call.Key)));
        return await GatewayHost.LocalAsync(grains, new ManualClock(Samples.Now));
    }

    private static async Task<string> PageAsync(GatewayHost host, string path)
    {
        using var answer = await host.SendAsync("GET", path, null, Loopback);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        Assert.Equal("text/html; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        return await answer.Content.ReadAsStringAsync();
    }
}

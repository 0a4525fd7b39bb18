using System.Net;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace HostService.Tests.Gateway.Authentication;

/// <summary>When the issuer is asked for its keys, and what happens while it is away.</summary>
public sealed class SigningKeyTests : IAsyncLifetime
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly ManualClock _clock = new();
    private Issuer _issuer = null!;
    private GatewayHost _host = null!;

    public async Task InitializeAsync()
    {
        _issuer = await Issuer.StartAsync();
        var grains = new FakeGrains().Mandelbox(nameof(IMandelboxGrain.SpinUp), Samples.Ready);
        _host = await GatewayHost.StartAsync(
            HostEnvironment.Dev, grains, _clock, ("Auth:Issuer", _issuer.Url), ("Auth:FailuresPerMinute", "0"));
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task The_keys_are_fetched_once_for_all_who_ask_at_once_and_then_kept()
    {
        var statuses = await Task.WhenAll(Enumerable.Range(0, 54).Select(_ => AskAsync()));
        Assert.All(statuses, s => Assert.Equal(HttpStatusCode.OK, s));
        _clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(HttpStatusCode.OK, await AskAsync());

        Assert.Equal(1, _issuer.Requests);
    }

    [Fact]
    public async Task The_keys_are_fetched_anew_after_an_hour_so_that_a_withdrawn_one_ends()
    {
        _issuer.AddKey("key-2");
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        var stolen = _issuer.Key();
        _issuer.RemoveKey("key-1");
        _clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(_issuer.Sign(Claims(), key: stolen)));
        Assert.Equal(2, _issuer.Requests);
    }

    [Fact]
    public async Task A_rotated_key_is_found_at_once_and_the_old_one_is_no_longer_good()
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        var old = _issuer.Key();
        _issuer.RemoveKey("key-1");
        _issuer.AddKey("key-2");

        Assert.Equal(HttpStatusCode.OK, await AskAsync(_issuer.Sign(Claims(), "key-2")));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(_issuer.Sign(Claims(), key: old)));
        Assert.Equal(2, _issuer.Requests);
    }

    [Fact]
    public async Task Unknown_key_ids_cause_one_refresh_a_minute_and_not_a_flood()
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync());

        for (var minute = 1; minute <= 3; minute++)
        {
            var statuses = await Task.WhenAll(
                Enumerable.Range(0, 30).Select(i => AskAsync(_issuer.Sign(Claims(), $"unknown-{i}", _issuer.Key()))));
            Assert.All(statuses, s => Assert.Equal(HttpStatusCode.Unauthorized, s));
            Assert.Equal(1 + minute, _issuer.Requests);
            Assert.Equal(HttpStatusCode.OK, await AskAsync());
            _clock.Advance(Minute);
        }
    }

    [Fact]
    public async Task While_the_issuer_is_away_the_old_keys_stay_and_it_is_asked_once_a_minute()
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        _issuer.Instead = context =>
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.CompletedTask;
        };
        _clock.Advance(TimeSpan.FromHours(5));

        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        Assert.Equal(2, _issuer.Requests);
        _clock.Advance(Minute);
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        Assert.Equal(3, _issuer.Requests);
    }

    public static TheoryData<string> NotKeys => new(
        "", "{}", "[]", "null", "<html/>", "{\"keys\":null}", "{\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"key-1\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"key-1\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"key-1\",\"n\":\"!\",\"e\":\"AQAB\"}]}");

    [Theory]
    [MemberData(nameof(NotKeys))]
    public async Task An_answer_without_usable_keys_does_not_take_the_old_ones_away(string answer)
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        _issuer.Instead = context => context.Response.WriteAsync(answer);
        _clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        Assert.Equal(2, _issuer.Requests);
    }

    [Fact]
    public async Task One_key_that_cannot_be_read_does_not_cost_the_others()
    {
        _issuer.Instead = context => context.Response.WriteAsync(
            _issuer.KeySet().Replace("[{", """[{"kty":"RSA","kid":"broken","n":"!","e":"AQAB"},{""", StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.OK, await AskAsync());
    }

    [Fact]
    public async Task A_clock_that_is_set_back_holds_no_refresh_up()
    {
        _issuer.AddKey("key-2");
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        _issuer.RemoveKey("key-2");
        _clock.Set(-TimeSpan.FromHours(3));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(_issuer.Sign(Claims(), "unknown", _issuer.Key())));
        Assert.Equal(2, _issuer.Requests);

        _clock.Advance(Minute);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(_issuer.Sign(Claims(), "unknown", _issuer.Key())));
        Assert.Equal(3, _issuer.Requests);
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        Assert.Equal(4, _issuer.Requests);
    }

    [Fact]
    public async Task An_issuer_that_is_away_from_the_start_lets_nobody_in_until_it_is_back()
    {
        _issuer.Instead = context =>
        {
            context.Abort();
            return Task.CompletedTask;
        };
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync());
        _issuer.Instead = null;
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync());
        Assert.Equal(1, _issuer.Requests);

        _clock.Advance(Minute);
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
    }

    [Fact]
    public async Task An_issuer_that_does_not_answer_is_given_up()
    {
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _issuer.Instead = async context =>
        {
            asked.SetResult();
            await new TaskCompletionSource().Task.WaitAsync(context.RequestAborted);
        };
        _clock.Advance(TimeSpan.FromHours(1));

        var response = AskAsync();
        await asked.Task;
        _clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(HttpStatusCode.OK, await response);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var other = await Issuer.StartAsync();
        _issuer.Instead = context =>
        {
            context.Response.Redirect(other.Url + ".well-known/jwks.json");
            return Task.CompletedTask;
        };

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync());
        Assert.Equal(0, other.Requests);
    }

    [Fact]
    public async Task A_key_that_is_too_short_is_not_trusted()
    {
        _issuer.AddKey("short", 1024);

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(_issuer.Sign(Claims(), "short")));
        Assert.Equal(HttpStatusCode.OK, await AskAsync());
    }

    private Dictionary<string, object?> Claims() => _issuer.Claims(_clock.GetUtcNow());

    private async Task<HttpStatusCode> AskAsync(string? token = null) =>
        (await _host.SpinUpAsync(Samples.SpinUp(token ?? _issuer.Sign(Claims())))).StatusCode;
}

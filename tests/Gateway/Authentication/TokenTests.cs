using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using HostService.GrainInterfaces;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;

namespace HostService.Tests.Gateway.Authentication;

/// <summary>Which tokens are believed, asked through the endpoints that believe them.</summary>
public sealed class TokenTests : IAsyncLifetime
{
    private readonly ManualClock _clock = new();
    private Issuer _issuer = null!;
    private GatewayHost _host = null!;

    public async Task InitializeAsync()
    {
        _issuer = await Issuer.StartAsync();
        var grains = new FakeGrains().Mandelbox(nameof(IMandelboxGrain.SpinUp), Samples.Ready);
        _host = await GatewayHost.StartAsync(HostEnvironment.Prod, grains, _clock, ("Auth:Issuer", _issuer.Url));
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task A_valid_user_token_names_the_user()
    {
        Assert.Equal(HttpStatusCode.OK, await UserAsync(_issuer.Sign(Good())));

        Assert.Equal("auth0|5f7c8ec7c33c6c004bbafe82", _host.Grains.Calls.Single().Argument<SpinUpRequest>().UserId);
    }

    [Fact]
    public async Task A_backend_token_may_drain_and_a_users_may_not()
    {
        Assert.Equal(HttpStatusCode.OK, await BackendAsync(_issuer.Sign(Good("openid backend profile"))));
        Assert.Equal(HttpStatusCode.Unauthorized, await BackendAsync(_issuer.Sign(Good())));
    }

    [Theory]
    [InlineData("")]
    [InlineData("openid")]
    [InlineData("backends")]
    [InlineData("Backend")]
    [InlineData("not-backend")]
    [InlineData("back end")]
    public async Task Another_scope_is_not_the_backends(string scope) =>
        Assert.Equal(HttpStatusCode.Unauthorized, await BackendAsync(_issuer.Sign(Good(scope))));

    [Fact]
    public async Task A_scope_that_is_a_list_is_not_what_the_issuer_writes() =>
        Assert.Equal(HttpStatusCode.Unauthorized, await BackendAsync(_issuer.Sign(With("scope", new[] { "backend" }))));

    [Theory]
    [InlineData(-3600, false)]
    [InlineData(-5, false)]
    [InlineData(-4, true)]
    [InlineData(1, true)]
    public async Task A_token_ends_when_it_says_give_or_take_the_clocks(int seconds, bool good) =>
        Assert.Equal(Status(good), await UserAsync(_issuer.Sign(With("exp", _clock.GetUtcNow().AddSeconds(seconds).ToUnixTimeSeconds()))));

    [Theory]
    [InlineData(3600, false)]
    [InlineData(6, false)]
    [InlineData(5, true)]
    [InlineData(-1, true)]
    public async Task A_token_begins_when_it_says_give_or_take_the_clocks(int seconds, bool good) =>
        Assert.Equal(Status(good), await UserAsync(_issuer.Sign(With("nbf", _clock.GetUtcNow().AddSeconds(seconds).ToUnixTimeSeconds()))));

    [Fact]
    public async Task A_token_that_was_good_is_not_after_its_time()
    {
        var token = _issuer.Sign(Good());
        Assert.Equal(HttpStatusCode.OK, await UserAsync(token));
        _clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(token));
    }

    public static TheoryData<string, object?> BadClaims => new()
    {
        { "exp", null },
        { "exp", "tomorrow" },
        { "exp", -1 },
        { "nbf", "tomorrow" },
        { "iss", null },
        { "iss", "https://evil.example/" },
        { "aud", null },
        { "aud", "https://api.evil.example" },
        { "aud", "https://api.fractal.co/" },
        { "aud", new[] { "https://api.evil.example", "x" } },
        { "aud", Array.Empty<string>() },
        { "sub", null },
        { "sub", "" },
        { "sub", 7 },
        { "sub", "../../etc" },
        { "sub", "auth0|a/b" },
        { "sub", "|a" },
        { "sub", "auth0|a\n" },
        { "sub", new string('a', 129) },
    };

    [Theory]
    [MemberData(nameof(BadClaims))]
    public async Task A_bad_claim_makes_nobody(string claim, object? value) =>
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(_issuer.Sign(With(claim, value))));

    [Fact]
    public async Task The_issuer_must_match_to_the_letter() =>
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(_issuer.Sign(With("iss", _issuer.Url.TrimEnd('/')))));

    [Fact]
    public async Task The_audience_may_be_one_of_a_list() =>
        Assert.Equal(HttpStatusCode.OK, await UserAsync(_issuer.Sign(With("aud", new[] { "https://other.example", Issuer.Audience }))));

    [Theory]
    [InlineData("none")]
    [InlineData("HS256")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    public async Task Another_algorithm_is_refused_before_a_key_is_even_looked_for(string algorithm)
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(_issuer.Sign(Good(), alg: algorithm)));
        Assert.Equal(0, _issuer.Requests);
    }

    [Fact]
    public async Task A_token_that_says_rs256_and_is_signed_otherwise_is_refused()
    {
        using var other = RSA.Create(2048);
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(_issuer.Sign(Good(), key: other)));

        var token = _issuer.Sign(Good());
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(token[..token.LastIndexOf('.')] + "."));
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(token[..^8] + "AAAAAAAA"));
        var parts = token.Split('.');
        var forged = _issuer.Sign(With("sub", "auth0|somebodyelse")).Split('.')[1];
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync($"{parts[0]}.{forged}.{parts[2]}"));
    }

    [Fact]
    public async Task A_header_without_a_key_id_or_with_extensions_is_refused()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(_issuer.Sign(Good(), header: new() { ["alg"] = "RS256" })));
        Assert.Equal(
            HttpStatusCode.Unauthorized,
            await UserAsync(
                _issuer.Sign(Good(), header: new() { ["alg"] = "RS256", ["kid"] = "key-1", ["crit"] = new[] { "x" }, ["x"] = 1 })));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("a.b.c")]
    [InlineData("..")]
    [InlineData("....")]
    [InlineData("e30.e30.")]
    [InlineData("e30.e30.e30.e30.e30")]
    [InlineData("bnVsbA.bnVsbA.bnVsbA")]
    [InlineData("\0")]
    public async Task What_is_no_token_at_all_makes_nobody(string text) => Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(text));

    [Fact]
    public async Task A_token_of_a_hundred_kilobytes_is_not_read()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(_issuer.Sign(With("junk", new string('a', 100_000)))));
        Assert.Equal(0, _issuer.Requests);
    }

    [Fact]
    public async Task The_shared_secret_is_the_backends_and_something_alike_is_not()
    {
        await using var host = await GatewayHost.StartAsync(
            HostEnvironment.Staging, null, _clock, ("Auth:Issuer", _issuer.Url), ("Auth:SharedSecret", "correct horse"));

        Assert.Equal(HttpStatusCode.Unauthorized, await BackendAsync("correct hors", host));
        Assert.Equal(HttpStatusCode.Unauthorized, await BackendAsync("correct horse ", host));
        Assert.Equal(HttpStatusCode.Unauthorized, await BackendAsync("Correct horse", host));
        Assert.Equal(HttpStatusCode.OK, await BackendAsync("correct horse", host));
        Assert.Equal(HttpStatusCode.OK, await BackendAsync(_issuer.Sign(Good("backend")), host));
    }

    [Fact]
    public async Task A_local_environment_does_not_look_at_a_users_token()
    {
        var grains = new FakeGrains().Mandelbox(nameof(IMandelboxGrain.SpinUp), Samples.Ready);
        await using var host = await GatewayHost.StartAsync(HostEnvironment.LocalDevWithDb, grains, _clock, ("Auth:Issuer", _issuer.Url));

        Assert.Equal(HttpStatusCode.OK, await UserAsync("not a token", host));
        Assert.Equal($"localdev_host_service_user_{GatewayHost.InstanceName}", grains.Calls.Single().Argument<SpinUpRequest>().UserId);
    }

    [Theory]
    [InlineData(HostEnvironment.Dev)]
    [InlineData(HostEnvironment.Staging)]
    [InlineData(HostEnvironment.Prod)]
    public async Task A_deployed_environment_with_nothing_configured_lets_nobody_in(HostEnvironment environment)
    {
        await using var host = await GatewayHost.StartAsync(environment, null, _clock);

        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync("", host));
        Assert.Equal(HttpStatusCode.Unauthorized, await UserAsync(_issuer.Sign(Good()), host));
        Assert.Equal(HttpStatusCode.Unauthorized, await BackendAsync("", host));
        Assert.Equal(HttpStatusCode.Unauthorized, await BackendAsync(_issuer.Sign(Good("backend")), host));
    }

    private Dictionary<string, object?> Good(string? scope = null) => _issuer.Claims(_clock.GetUtcNow(), scope);

    private Dictionary<string, object?> With(string claim, object? value)
    {
        var claims = Good();
        claims[claim] = value;
        return claims;
    }

    private static HttpStatusCode Status(bool good) => good ? HttpStatusCode.OK : HttpStatusCode.Unauthorized;

    private async Task<HttpStatusCode> UserAsync(string token, GatewayHost? host = null) =>
        (await (host ?? _host).SpinUpAsync(Samples.SpinUp(token))).StatusCode;

    private async Task<HttpStatusCode> BackendAsync(string credential, GatewayHost? host = null) =>
        (await (host ?? _host).SendAsync("POST", "/drain_and_shutdown", JsonSerializer.Serialize(new { auth_secret = credential })))
            .StatusCode;
}

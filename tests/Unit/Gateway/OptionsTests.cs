using HostService.Gateway;
using HostService.Gateway.Authentication;
using HostService.GrainInterfaces;

namespace HostService.Tests.Unit.Gateway;

public sealed class OptionsTests
{
    [Fact]
    public void The_defaults_have_no_fault()
    {
        Assert.Empty(new GatewayOptions().Validate());
        Assert.Empty(new AuthOptions().Validate());
        Assert.Equal(4678, new GatewayOptions().Port);
    }

    [Fact]
    public void Every_fault_is_named_at_once()
    {
        var gateway = new GatewayOptions
        {
            Port = 70_000,
            Address = "everywhere",
            CertificateKeyPath = "/key.pem",
            MonitoringNetworks = "10.0.0.0/8, 10.0.0.0/99, here",
            CertificateNames = "ok.example,not ok!",
            MandelboxTimeout = GrainCallTimeouts.MandelboxCall,
            Timeout = GrainCallTimeouts.OtherCall,
            ProbeTimeout = TimeSpan.Zero,
            TrustedNetworks = "nowhere",
            MaxConnections = 1,
            MaxConnectionsPerAddress = 2,
            MaxRequestsPerAddress = 0,
            MaxBodyBytesPerAddress = 1 << 20,
            BodyTimeout = TimeSpan.Zero,
            IdleTimeout = TimeSpan.Zero,
        };
        var auth = new AuthOptions
        {
            Issuer = "http://issuer.example/",
            Audience = "",
            SharedSecret = " ",
            ClockSkew = TimeSpan.FromHours(1),
            KeyTimeout = TimeSpan.Zero,
            FailuresPerMinute = -1,
            UnlimitedNetworks = "there",
        };

        // "not ok!" is split at its blank: one half of it is a name.
        Assert.Equal(15, gateway.Validate().Count());
        Assert.Equal(7, auth.Validate().Count());
        Assert.All(gateway.Validate().Concat(auth.Validate()), f => Assert.Matches("^(Gateway|Auth):", f));
    }

    [Theory]
    [InlineData("https://issuer.example/", true)]
    [InlineData("https://issuer.example", true)]
    [InlineData("http://127.0.0.1:8080/", true)]
    [InlineData("http://localhost/", true)]
    [InlineData("http://issuer.example/", false)]
    [InlineData("https://issuer.example/?x", false)]
    [InlineData("issuer.example", false)]
    [InlineData("file:///etc", false)]
    public void An_issuer_is_asked_over_https_unless_it_is_on_this_machine(string issuer, bool good) =>
        Assert.Equal(good, !new AuthOptions { Issuer = issuer }.Validate().Any());

    [Theory]
    [InlineData(HostEnvironment.LocalDev, "https://fractal-dev.us.auth0.com/.well-known/jwks.json")]
    [InlineData(HostEnvironment.LocalDevWithDb, "https://fractal-dev.us.auth0.com/.well-known/jwks.json")]
    [InlineData(HostEnvironment.Dev, "https://fractal-dev.us.auth0.com/.well-known/jwks.json")]
    [InlineData(HostEnvironment.Staging, "https://fractal-staging.us.auth0.com/.well-known/jwks.json")]
    [InlineData(HostEnvironment.Prod, "https://auth.fractal.co/.well-known/jwks.json")]
    public void Each_environment_has_its_issuer(HostEnvironment environment, string keys) =>
        Assert.Equal(keys, new AuthOptions().KeysUrl(environment).ToString());

    [Theory]
    [InlineData(HostEnvironment.LocalDev, "", "", false)]
    [InlineData(HostEnvironment.LocalDevWithDb, "", "", false)]
    [InlineData(HostEnvironment.LocalDev, "x", "", true)]
    [InlineData(HostEnvironment.LocalDev, "", "https://x/", true)]
    [InlineData(HostEnvironment.Dev, "", "", true)]
    [InlineData(HostEnvironment.Prod, "", "", true)]
    public void Only_a_local_environment_with_nothing_configured_asks_the_backend_for_nothing(
        HostEnvironment environment, string secret, string issuer, bool asked) =>
        Assert.Equal(asked, new AuthOptions { SharedSecret = secret, Issuer = issuer }.BackendIsChecked(environment));
}

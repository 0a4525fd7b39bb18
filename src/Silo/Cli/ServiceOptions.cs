using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using HostService.Gateway;
using HostService.Infrastructure.Storage.Records;
using HostService.Silo.Fleet;
using HostService.Silo.Hosting;

namespace HostService.Silo.Cli;

/// <summary>The options of every command that talks to a running service.</summary>
/// <param name="isFleet">Whether the service is a fleet, and not a host.</param>
internal sealed class ServiceOptions(bool isFleet = false)
{
    public Option<Uri?> Address { get; } = new("--address")
    {
        Description = "The running service. Without it: the one of this machine, by the same settings that run takes "
            + "(Gateway:Port and Gateway:Address).",
        CustomParser = argument =>
        {
            if (Uri.TryCreate(argument.Tokens[0].Value, UriKind.Absolute, out var address) && address.Scheme == Uri.UriSchemeHttps)
            {
                return address;
            }

            argument.AddError($"'{argument.Tokens[0].Value}' is no address of a service; give one like https://127.0.0.1:4678");
            return null;
        },
    };

    public Option<string?> CaCert { get; } = new("--cacert")
    {
        Description = "A PEM file with the certificate to trust, such as a copy of cert.pem in the service's Host:PrivateRoot.",
    };

    public Option<bool> Insecure { get; } = new("--insecure")
    {
        Description = "Do not check the service's certificate. "
            + "That of this machine (127.0.0.1, ::1, localhost) is checked with --cacert only.",
    };

    public Option<string?> Token { get; } = new("--token")
    {
        Description = "The backend's credential: a token with the scope backend, or Auth:SharedSecret. Needed from another machine, and to "
            + "drain or stop the host where Auth:SharedSecret or Auth:Issuer is set or the environment is deployed. "
            + "Better given as HOST_SERVICE_TOKEN, which no process list shows.",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOST_SERVICE_TOKEN"),
    };

    public Option<bool> Json { get; } = new("--json") { Description = "Print the answer as JSON." };

    public ServiceOptions AddTo(Command command)
    {
        // Those are settings, which Client checks.
        command.TreatUnmatchedTokensAsErrors = false;
        foreach (var option in new Option[] { Address, CaCert, Insecure, Token, Json })
        {
            command.Options.Add(option);
        }

        // The parser takes an option that it does not know for the value of an argument.
        command.Validators.Add(result =>
        {
            foreach (var token in result.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Where(t => t.Value.StartsWith('-')))
            {
                result.AddError($"'{token.Value}' is no option of this command; name the service with --address or by Gateway__Port.");
            }
        });
        return this;
    }

    /// <exception cref="StartRefusedException">The settings or the file of --cacert cannot be used.</exception>
    public ServiceClient Client(ParseResult parsed)
    {
        var configuration = ServiceConfigurationReader.Read(
            parsed.UnmatchedTokens, isFleet ? ServiceConfiguration.FleetFile : ServiceConfiguration.HostFile);
        var address = parsed.GetValue(Address) ?? AddressOf(ReadGateway(configuration));
        // The service's own certificate is self-signed and new at each start.
        var acceptAnyCertificate = parsed.GetValue(Insecure) || address.IsLoopback;
        return new ServiceClient(address, parsed.GetValue(Token), parsed.GetValue(CaCert), acceptAnyCertificate);
    }

    /// <summary>
    /// What the last run of the service of this machine has left of the mandelboxes that have gone, the newest first; nothing where another
    /// service is named, or the caller may not read it.
    /// </summary>
    public IReadOnlyList<MandelboxTimeline> EndedHere(ParseResult parsed)
    {
        if (parsed.GetValue(Address) is not null)
        {
            return [];
        }

        try
        {
            var host = ServiceConfigurationReader.Read(parsed.UnmatchedTokens).ReadValid<HostOptions>(HostOptions.Section);
            return [.. EndedMandelboxes.Read(host.EndedFile).Reverse()];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private GatewayOptions ReadGateway(IConfigurationRoot configuration)
    {
        var gateway = configuration.ReadValid<GatewayOptions>(GatewayOptions.Section);
        gateway.Port = isFleet && configuration["Gateway:Port"] is null ? FleetRun.Port : gateway.Port;
        return gateway;
    }

    private static Uri AddressOf(GatewayOptions gateway)
    {
        if (gateway.Port == 0)
        {
            throw new StartRefusedException(
                ExitCodes.Usage, "Gateway:Port is 0, so the service's port is not known: name the service with --address.");
        }

        var address = IPAddress.TryParse(gateway.Address, out var one) && !one.Equals(IPAddress.Any) && !one.Equals(IPAddress.IPv6Any)
            ? one
            : IPAddress.Loopback;
        return new UriBuilder(Uri.UriSchemeHttps, address.ToString(), gateway.Port).Uri;
    }
}

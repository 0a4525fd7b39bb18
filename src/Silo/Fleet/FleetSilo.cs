using System.Net;
using System.Security.Cryptography.X509Certificates;
using HostService.Gateway.Tls;
using HostService.GrainInterfaces.Fleet;
using HostService.Grains.Host;
using Orleans.Configuration;
using Orleans.Connections.Security;

namespace HostService.Silo.Fleet;

/// <summary>What a control silo of a fleet is made of.</summary>
internal static class FleetSilo
{
    private const string Npgsql = "Npgsql";

    private static readonly string FleetInterfaces = typeof(IFleetGrain).Namespace!;

    /// <summary>The grains of a host: one program holds both kinds.</summary>
    public static ISiloBuilder UseHostGrains(this ISiloBuilder silo) => silo.Keep(type => !IsOfFleet(type));

    /// <summary>The grains of a fleet.</summary>
    public static ISiloBuilder UseFleetGrains(this ISiloBuilder silo) => silo.Keep(IsOfFleet);

    /// <summary>The list of silos, and what grains keep.</summary>
    public static ISiloBuilder UseFleetDatabase(this ISiloBuilder silo, string connectionString) => silo
        .UseAdoNetClustering(clustering => (clustering.Invariant, clustering.ConnectionString) = (Npgsql, connectionString))
        .AddAdoNetGrainStorage(
            FleetStorage.Name,
            storage =>
            {
                (storage.Invariant, storage.ConnectionString) = (Npgsql, connectionString);
                storage.DeleteStateOnClear = true;
            })
        .Configure<ClusterOptions>(cluster => (cluster.ClusterId, cluster.ServiceId) = ("host-service-fleet", "host-service-fleet"))
        .Configure<ClusterMembershipOptions>(membership =>
        {
            // A silo that is dead is left out after 6 s: until then requests that need its grains wait.
            membership.ProbeTimeout = TimeSpan.FromSeconds(2);
            membership.NumMissedProbesLimit = 3;
            membership.TableRefreshTimeout = TimeSpan.FromSeconds(10);
            membership.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(10);
            membership.DefunctSiloCleanupPeriod = TimeSpan.FromHours(1);
            membership.DefunctSiloExpiration = TimeSpan.FromDays(1);
        })

        // Silos do not tell each other their load: what they do is too little to be placed by it.
        .Configure<DeploymentLoadPublisherOptions>(load => load.DeploymentLoadPublisherRefreshTime = TimeSpan.Zero);

    /// <summary>Where other silos reach this one, and by which certificates they know each other.</summary>
    public static ISiloBuilder ListenAt(this ISiloBuilder silo, FleetSiloOptions options, int port)
    {
        silo.Configure<EndpointOptions>(endpoints =>
        {
            endpoints.AdvertisedIPAddress = options.IpAddress;
            endpoints.SiloListeningEndpoint = new IPEndPoint(options.IpAddress, port);
            endpoints.SiloPort = port;

            // No clients: callers come by HTTPS.
            endpoints.GatewayPort = 0;
        });
        return options.CertificatePath.Length == 0 ? silo : silo.UseTls(tls =>
        {
            // Orleans refuses to build without it, although the selectors below choose.
            tls.LocalCertificate = Own();
            tls.LocalServerCertificateSelector = (_, _) => Own();
            tls.LocalClientCertificateSelector = (_, _, _, _, _) => Own();
            tls.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
            tls.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
            tls.RemoteCertificateValidation = (certificate, _, _) =>
                CertificateAuthority.Refusal(certificate, options.CaPath, CertificateAuthority.Server, CertificateAuthority.Client) is null;
            tls.OnAuthenticateAsClient = (_, client) => client.TargetHost = "fleet";
        });

        X509Certificate2 Own() =>
            CertificateAuthority.ReadOwn(options.CertificatePath, options.CertificateKeyPath);
    }

    private static ISiloBuilder Keep(this ISiloBuilder silo, Func<Type, bool> keep) => silo.Configure<GrainTypeOptions>(
        types => types.Classes.RemoveWhere(type => type.Assembly == typeof(HostGrain).Assembly && !keep(type)));

    private static bool IsOfFleet(Type grain) => grain.GetInterfaces().Any(i => i.Namespace == FleetInterfaces);
}

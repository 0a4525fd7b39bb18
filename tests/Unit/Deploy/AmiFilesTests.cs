using HostService.Grains.Mandelbox;
using HostService.Infrastructure;
using HostService.Infrastructure.Docker;
using HostService.Silo.Hosting;
using HostService.Tests.Support;
using System.Text.Json.Nodes;

namespace HostService.Tests.Unit.Deploy;

/// <summary>What the AMI adds to an installation, below DESTDIR.</summary>
public sealed class AmiFilesTests : IDisposable
{
    private readonly Script _script = new();

    public AmiFilesTests()
    {
        _script.Environment["DESTDIR"] = Directory.CreateDirectory(_script["root"]).FullName;
        _script.Environment["BINARY"] = "/bin/true";
        Assert.Equal((0, ""), _script.Run("install.sh", "install"));
    }

    public void Dispose() => _script.Dispose();

    [Fact]
    public void The_paths_of_the_webservers_unit_lead_to_the_binary_and_to_the_environment_of_ours()
    {
        Assert.Equal((0, ""), _script.Run("ami/webserver-unit.sh"));

        Assert.Equal("/usr/local/libexec/host-service/host-service", new FileInfo(Installed("home/ubuntu/host-service")).LinkTarget);
        Assert.Equal("/etc/host-service/environment", new FileInfo(Installed("usr/share/fractal/app_env.env")).LinkTarget);
        Assert.DoesNotContain(Environment(), line => line.StartsWith("APP_ENV=", StringComparison.Ordinal));
    }

    [Fact]
    public void An_AMI_of_one_environment_says_which_once()
    {
        foreach (var environment in new[] { "DEV", "PROD" })
        {
            _script.Environment["APP_ENV"] = environment;
            Assert.Equal((0, ""), _script.Run("ami/webserver-unit.sh"));
        }

        Assert.Equal("APP_ENV=PROD", Assert.Single(Environment(), line => line.StartsWith("APP_ENV=", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_webservers_unit_keeps_its_own_start_and_gets_our_order_and_timeouts()
    {
        Assert.Equal((0, ""), _script.Run("ami/webserver-unit.sh"));

        var ours = File.ReadAllLines(Installed("usr/local/lib/systemd/system/host-service.service"));
        var dropIn = File.ReadAllLines(Installed("usr/local/lib/systemd/system/host-service.service.d/webserver.conf"));
        Assert.Equal(dropIn, ours.Where(dropIn.Contains));
        string[] taken =
        [
            "Requires=docker.service", "After=docker.service", "Restart=no", "TimeoutStopSec=", "KillMode=mixed",
            $"RestartForceExitStatus={ExitCodes.Restart}", $"SuccessExitStatus={ExitCodes.Restart}", "FileDescriptorStoreMax=",
            "Environment=Host__RequireEnvironment=true", "Environment=HOST_SERVICE_BINARY=/usr/local/bin/host-service",
            "ExecStartPre=", "ExecStopPost=/usr/local/libexec/host-service/host-service last-words",
        ];
        foreach (var key in taken)
        {
            Assert.Contains(dropIn, line => line.StartsWith(key, StringComparison.Ordinal));
        }

        foreach (var key in new[] { "Type=", "ExecStart=", "EnvironmentFile=", "WatchdogSec=" })
        {
            Assert.DoesNotContain(dropIn, line => line.StartsWith(key, StringComparison.Ordinal));
        }
    }

    [NeedsFact("jq")]
    public void In_ECS_mode_the_agent_has_its_cluster_and_the_service_knows_of_it()
    {
        _script.Environment["ECS_CLUSTER"] = "hosts";
        Assert.Equal((0, ""), _script.Run("ami/ecs/install.sh"));
        Assert.Equal((0, ""), _script.Run("ami/ecs/install.sh"));

        Assert.Contains("ECS_CLUSTER=hosts", File.ReadLines(Installed("etc/ecs/ecs.config")));
        var settings = JsonNode.Parse(File.ReadAllText(Installed("etc/host-service/appsettings.json")))!;
        Assert.True((bool)settings["Ecs"]!["Enabled"]!);
        Assert.Equal(4678, (int)settings["Gateway"]!["Port"]!);
        var unit = File.ReadAllText(Installed("usr/local/lib/systemd/system/ecs-nat.service"));
        Assert.Contains("ExecStart=/usr/local/libexec/host-service/ecs-nat.sh start", unit, StringComparison.Ordinal);
        Assert.True(File.GetUnixFileMode(Installed("usr/local/libexec/host-service/ecs-nat.sh")).HasFlag(UnixFileMode.UserExecute));
    }

    [Fact]
    public void Task_credentials_lead_to_the_agent_and_rules_that_are_there_are_not_added_again()
    {
        _script.Program("iptables", "case $* in *-C*) exit ${PRESENT:?} ;; esac");
        _script.Environment["PRESENT"] = "1";
        Assert.Equal((0, ""), _script.Run("ami/ecs/ecs-nat.sh", "start"));
        _script.Environment["PRESENT"] = "0";
        Assert.Equal((0, ""), _script.Run("ami/ecs/ecs-nat.sh", "start"));

        Assert.Equal(
            [
                "iptables -w 10 -t nat -A PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 127.0.0.1:51679",
                "iptables -w 10 -t nat -A OUTPUT -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 51679",
            ],
            _script.Calls);
    }

    [Fact]
    public void Hosts_of_every_environment_find_the_image_of_the_network_sandboxes()
    {
        _script.Program("curl", "case $* in *images/create*) cat >/dev/null; echo '{\"status\":\"sha256:00\"}' ;; esac");
        _script.Environment["DOCKER_HOST"] = "unix:///engine.sock";

        Assert.Equal(0, _script.Run("ami/sandbox.sh").Code);

        var template = new DockerOptions().ImageTemplate;
        foreach (var environment in new[] { "DEV", "STAGING", "PROD" })
        {
            var image = ContainerNames.Image(template, environment, "mandelboxes/sandbox").Split(':');
            Assert.Contains(
                _script.Calls,
                call => call.Contains($"/images/create?fromSrc=-&repo={image[0]}&tag={image[1]}&", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void The_builder_is_given_what_the_image_of_the_network_sandboxes_is_made_of()
    {
        Assert.Contains("bash $ami/sandbox.sh", File.ReadLines(Script.Deploy("ami/provision.sh")));
        Assert.Contains("/../../mandelboxes\"", File.ReadAllText(Script.Deploy("ami/host.pkr.hcl")), StringComparison.Ordinal);
    }

    [Fact]
    public void Filebeat_finds_the_logs_where_mandelboxes_write_them()
    {
        var lines = File.ReadLines(Script.Deploy("ami/filebeat/filebeat.yml"));
        var glob = Assert.Single(lines, line => line.Contains("*.log", StringComparison.Ordinal)).Trim(' ', '-');

        var logs = new MandelboxPaths(new HostOptions().Root, "*").Logs(7);
        Assert.Equal($"{Path.GetDirectoryName(logs)}/*/*.log", glob);
    }

    private string Installed(string path) => Path.Combine(_script["root"], path);

    private string[] Environment() => File.ReadAllLines(Installed("etc/host-service/environment"));
}

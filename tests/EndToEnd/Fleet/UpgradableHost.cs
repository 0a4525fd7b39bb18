using System.Text;
using System.Text.Json.Nodes;
using HostService.Tests.Support;

namespace HostService.Tests.EndToEnd.Fleet;

/// <summary>
/// A host whose service runs as in its unit: it is started again after exit code 5, or when that is asked for, and a stand-in for systemctl
/// knows what 'host-service upgrade' and the relay ask of systemd.
/// </summary>
internal sealed class UpgradableHost : IAsyncDisposable
{
    private readonly ScratchDirectory _directory;
    private readonly InstantEngine _engine;
    private readonly ServiceProcess _unit;
    private ServiceProcess? _relay;

    private UpgradableHost(ScratchDirectory directory, InstantEngine engine, ServiceProcess unit) =>
        (_directory, _engine, _unit) = (directory, engine, unit);

    public string Name => _unit.Settings.InstanceName;

    public string Log => $"{_unit.Log.Text}\nrelay:\n{_relay?.Log.Text}";

    public static async Task<UpgradableHost> StartAsync(string fleet)
    {
        var directory = new ScratchDirectory();
        var engine = await InstantEngine.StartAsync(seed: 1);
        Directory.CreateDirectory(directory["bin"]);
        WriteProgram(directory["installed"], $"exec {ServiceProcess.Program} \"$@\"");
        ExecutableFile.WriteScript(directory["bin/unit"], $$"""
            cd {{directory.Path}}
            mkfifo start
            exec 4<>start
            trap 'kill $pid; wait $pid; exit' TERM
            while :; do
              ./installed run &
              pid=$!
              echo $pid >pid
              echo active >state
              wait $pid
              code=$?
              echo $code >code
              [ $code = 5 ] && continue
              echo failed >state
              read -r _ <&4
            done
            """);
        ExecutableFile.WriteScript(directory["bin/systemctl"], $$"""
            cd {{directory.Path}}
            case "$*" in
              'show --property=Environment '*) echo HOST_SERVICE_BINARY={{directory.Path}}/installed ;;
              'show --property=MainPID '*) if [ "$(cat state)" = active ]; then cat pid; else echo 0; fi ;;
              'show --property=ActiveState '*) cat state ;;
              'show --property=ExecMainStatus '*) cat code ;;
              'show --property=StatusText '*) ;;
              'restart --no-block -- host-service.service') echo >start ;;
              'start -- host-service.service') ;;
              'start -- host-service-upgrade@'*)
                version=$(printf '%s\n' "$*" | sed 's/.*@//; s/[.]service$//; s/\\x7e/~/g; s/\\x2d/-/g; s/\\x2b/+/g')
                exec ./installed upgrade --to {{directory.Path}}/releases/host-service-$version --expect $version --timeout 60 ;;
              *) echo "systemctl does not know $*" >&2; exit 1 ;;
            esac
            """);
        var settings = ServiceSettings.Local(engine.Endpoint, directory).With(
            ("Orleans__ExternalClients", "true"),
            ("Gateway__Port", TestPorts.Reserve().ToString()),
            ("Host__OnLeftovers", "reattach"),
            ("Host__CpuOnlySlots", "4"),
            ("PATH", $"{directory["bin"]}:{Environment.GetEnvironmentVariable("PATH")}"),
            ("Relay__Fleet", fleet));
        var unit = await ServiceProcess.LaunchProgramAsync(directory["bin/unit"], settings);
        var host = new UpgradableHost(directory, engine, unit);
        await unit.ReadyAsync();
        host._relay = await ServiceProcess.BeginCommandAsync(settings.Environment, "relay");
        return host;
    }

    /// <summary>Puts a version where the host looks for it.</summary>
    public void Release(string version, string commands) => WriteProgram(_directory[$"releases/host-service-{version}"], commands);

    /// <summary>Its mandelboxes, each with what would change if it had been started again.</summary>
    public async Task<string> SessionsAsync()
    {
        var listed = JsonNode.Parse(await _unit.Http.GetStringAsync("/v1/mandelboxes"))!.AsArray();
        return string.Join(' ', listed.Select(m => $"{m!["mandelboxId"]} {m["state"]} {m["containerId"]} {m["createdAt"]}"))
            + $" in {string.Join(' ', _engine.Names.Order())}";
    }

    public async ValueTask DisposeAsync()
    {
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }

        await _unit.DisposeAsync();
        await _engine.DisposeAsync();
        _directory.Dispose();
    }

    private static void WriteProgram(string path, string commands)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        ExecutableFile.WriteScript(path, commands);
    }
}

/// <summary>The program of this build that says it is another version.</summary>
internal static class OtherVersion
{
    /// <summary>Writes it, and returns its version: the same with another first digit.</summary>
    public static async Task<string> WriteAsync(string path)
    {
        var (_, output, _) = await ServiceProcess.CommandAsync(new Dictionary<string, string>(), "version");
        var words = output.Split(' ');
        var (version, commit) = (words[1], words[2].Trim('(', ')'));
        var other = $"9{version[1..]}";
        var program = await File.ReadAllBytesAsync(ServiceProcess.Program);
        var count = 0;
        foreach (var encoding in new[] { Encoding.UTF8, Encoding.Unicode })
        {
            var (old, replacement) = (encoding.GetBytes($"{version}+{commit}"), encoding.GetBytes($"{other}+{commit}"));
            for (var at = program.AsSpan().IndexOf(old); at >= 0; count++)
            {
                replacement.CopyTo(program, at);
                var next = program.AsSpan(at).IndexOf(old);
                at = next < 0 ? -1 : at + next;
            }
        }

        Assert.True(count > 0, $"{ServiceProcess.Program} does not hold its version");
        await File.WriteAllBytesAsync($"{path}.bytes", program);
        ExecutableFile.Copy($"{path}.bytes", path);
        File.Delete($"{path}.bytes");
        return other;
    }
}

namespace HostService.Tests.Unit.Deploy;

/// <summary>install.sh below DESTDIR, where nothing is loaded; the machine's part is shown by the VM's tests.</summary>
public sealed class InstallTests : IDisposable
{
    private static readonly string[] Yours = ["etc/host-service/appsettings.json", "etc/host-service/environment"];

    private readonly Script _script = new();

    public InstallTests()
    {
        _script.Environment["DESTDIR"] = Directory.CreateDirectory(_script["root"]).FullName;
        _script.Environment["BINARY"] = "/bin/true";
    }

    public void Dispose() => _script.Dispose();

    [Fact]
    public void Installing_twice_and_uninstalling_twice_leaves_what_is_yours_and_nothing_else()
    {
        Assert.Equal((0, ""), _script.Run("install.sh", "install"));
        var installed = Files();
        File.WriteAllText(Path.Combine(_script["root"], Yours[1]), "APP_ENV=PROD\n");
        Assert.Equal((0, ""), _script.Run("install.sh", "install"));
        Assert.Equal(installed, Files());
        Assert.Equal("APP_ENV=PROD\n", File.ReadAllText(Path.Combine(_script["root"], Yours[1])));

        Assert.Equal((0, ""), _script.Run("install.sh", "uninstall"));
        Assert.Equal(Yours, Files());
        Assert.Equal((0, ""), _script.Run("install.sh", "uninstall"));
        Assert.Equal(Yours, Files());
    }

    [Fact]
    public void Every_unit_is_installed_with_its_programs_and_paths_filled_in()
    {
        _script.Environment["PREFIX"] = "/opt/host";
        Assert.Equal((0, ""), _script.Run("install.sh", "install"));

        var units = Path.Combine(_script["root"], "opt/host/lib/systemd/system");
        Assert.Equal(
            Directory.EnumerateFiles(Script.Deploy("systemd"), "*.service").Select(Path.GetFileName).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(units, "*.service").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var line in Directory.EnumerateFiles(units, "*.service").SelectMany(File.ReadLines))
        {
            Assert.DoesNotMatch("@[A-Z]+@", line);
            if (line.StartsWith("ExecStart=", StringComparison.Ordinal))
            {
                var program = _script["root"] + line["ExecStart=".Length..].Split(' ')[0];
                Assert.True(File.GetUnixFileMode(program).HasFlag(UnixFileMode.OtherExecute), $"{program} cannot be run");
            }
        }
    }

    [Fact]
    public void The_service_wants_the_gpus_modules_before_its_list_of_devices_is_settled()
    {
        var unit = File.ReadAllLines(Script.Deploy("systemd/host-service.service"));

        foreach (var key in new[] { "Wants=", "After=" })
        {
            var units = unit.Where(l => l.StartsWith(key, StringComparison.Ordinal)).SelectMany(l => l[key.Length..].Split(' ')).ToList();
            Assert.Contains("host-service-gpu.service", units);
            Assert.Contains("nvidia-persistenced.service", units);
        }
    }

    private string[] Files() =>
        [.. Directory.EnumerateFiles(_script["root"], "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(_script["root"], f)).Order(StringComparer.Ordinal)];
}

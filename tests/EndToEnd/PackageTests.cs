using System.Text.Json.Nodes;

namespace HostService.Tests.EndToEnd;

/// <summary>What <c>make release</c> makes of build/host-service.</summary>
public sealed class PackageTests(BuiltRelease release) : IClassFixture<BuiltRelease>
{
    [PackageFact]
    public void The_package_has_what_an_installation_has_but_for_the_name_that_the_unit_runs_and_a_manual_page_and_completion()
    {
        var root = release.Scratch.Directory("root");
        release.Run(
            "deploy/install.sh",
            ["install"],
            ("DESTDIR", root),
            ("PREFIX", "/usr"),
            ("BINARY", Path.Combine(BuiltRelease.Checkout, "build/host-service")));
        var installed = Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(root, file))
            .Where(file => file != "usr/libexec/host-service/host-service");
        string[] added =
        [
            "usr/share/bash-completion/completions/host-service", "usr/share/doc/host-service/changelog.gz",
            "usr/share/doc/host-service/copyright", "usr/share/lintian/overrides/host-service", "usr/share/man/man1/host-service.1.gz",
        ];

        var entries = release.Run("dpkg-deb", ["-c", release.Package]).Split('\n')
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .ToList();
        var files = entries.Where(entry => !entry[0].StartsWith('d')).ToDictionary(entry => entry[5][2..], entry => entry[0]);

        Assert.Equal(installed.Concat(added).Order(StringComparer.Ordinal), files.Keys.Order(StringComparer.Ordinal));
        Assert.All(entries, entry => Assert.Equal("root/root", entry[1]));
        Assert.Equal("-rw-------", files["etc/host-service/environment"]);
        Assert.Equal("-rwxr-xr-x", files["usr/bin/host-service"]);
    }

    [PackageFact]
    public void The_packages_version_is_the_binarys_and_what_is_yours_is_kept_by_dpkg()
    {
        Assert.Equal(release.Version, release.Run("dpkg-deb", ["-f", release.Package, "Version"]));
        Assert.StartsWith(
            "docker.io | docker-ce, iptables, apparmor,",
            release.Run("dpkg-deb", ["-f", release.Package, "Depends"]),
            StringComparison.Ordinal);
        Assert.Equal(
            ["/etc/apparmor.d/mandelbox-apparmor-profile", "/etc/host-service/appsettings.json", "/etc/host-service/environment"],
            release.Run("dpkg-deb", ["-I", release.Package, "conffiles"]).Split('\n'));
    }

    [PackageFact]
    public void Lintian_finds_nothing() => Assert.Equal("", release.Run("lintian", ["--fail-on", "error,warning", release.Package]));

    [PackageFact]
    public void The_manual_page_has_every_command_and_its_options()
    {
        const string show = "dpkg-deb --fsys-tarfile \"$0\" | tar -xO ./usr/share/man/man1/host-service.1.gz | gzip -d";
        var page = release.Run("sh", ["-c", show, release.Package]);

        var commands = release.Run("build/host-service", ["--help"]).Split("Commands:\n")[1].Split('\n')
            .TakeWhile(line => line.StartsWith("  ", StringComparison.Ordinal))
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0])
            .ToList();
        Assert.Contains("upgrade", commands);
        Assert.All(commands, command =>
            Assert.Contains($"\n.SS {command.Replace("-", "\\-", StringComparison.Ordinal)}\n", page, StringComparison.Ordinal));
        Assert.Contains("\n.B \\-\\-to <to>\n", page, StringComparison.Ordinal);
        Assert.Contains("\n.SH EXIT STATUS\n.TP\n.B 0\n", page, StringComparison.Ordinal);
    }

    [PackageFact]
    public void The_sums_are_those_of_the_package_and_of_the_bill_of_materials_which_names_the_packages_that_are_inside()
    {
        Assert.Equal(
            $"{Path.GetFileName(release.Package)}: OK\nhost-service.cdx.json: OK",
            release.Run("sh", ["-c", "cd \"$0\" && sha256sum --check SHA256SUMS", release.Out]));

        var bom = JsonNode.Parse(File.ReadAllText(Path.Combine(release.Out, "host-service.cdx.json")))!;
        Assert.Equal(release.Version, (string)bom["metadata"]!["component"]!["version"]!);
        var names = bom["components"]!.AsArray().Select(component => $"{component!["name"]} {component["version"]}").ToList();
        Assert.Contains($"Microsoft.NETCore.App.Runtime.linux-x64 {Environment.Version}", names);
        Assert.Contains(names, name => name.StartsWith("Microsoft.Orleans.Server ", StringComparison.Ordinal));
        Assert.DoesNotContain(names, name => name.StartsWith("Meziantou.Analyzer ", StringComparison.Ordinal));
        Assert.DoesNotContain(names, name => name.StartsWith("xunit", StringComparison.Ordinal));
    }
}

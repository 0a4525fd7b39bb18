namespace HostService.Tests.Unit.Deploy;

/// <summary>The package's scripts as dpkg runs them, on a machine whose programs are recorded; the VM's tests run them for real.</summary>
public sealed class PackageScriptTests : IDisposable
{
    private const string Restart =
        "systemd-run --quiet --pipe --wait --property=EnvironmentFile=-/etc/host-service/environment "
        + "--setenv=DOTNET_BUNDLE_EXTRACT_BASE_DIR=/var/cache/host-service /usr/bin/host-service upgrade --timeout 300";

    private readonly Script _script = new();

    public PackageScriptTests()
    {
        _script.Environment["DPKG_ROOT"] = _script["root"];
        Put("run/systemd/system/now");
        Put("usr/bin/host-service");
        Directory.CreateDirectory(InRoot("usr/libexec/host-service"));
        foreach (var program in new[] { "udevadm", "sysctl", "modprobe", "apparmor_parser", "deb-systemd-helper", "docker", "systemd-run", "sleep" })
        {
            _script.Program(program);
        }

        ServiceIs(active: true);
    }

    private string Running => InRoot("usr/libexec/host-service/host-service");

    public void Dispose() => _script.Dispose();

    [Fact]
    public void A_first_installation_enables_the_units_starts_nothing_and_says_what_to_do_next()
    {
        var (code, output) = _script.Run("deb/postinst", "configure", "");

        Assert.Equal(0, code);
        Assert.Contains(
            "set APP_ENV in /etc/host-service/environment, then: systemctl start host-service", output, StringComparison.Ordinal);
        Assert.Contains("deb-systemd-helper enable host-service.service", _script.Calls);
        Assert.Contains("deb-systemd-helper enable host-service-firewall.service", _script.Calls);
        Assert.Equal(["systemctl daemon-reload"], Calls("systemctl"));
        Assert.Equal("usr/bin/host-service", File.ReadAllText(Running));
    }

    [Fact]
    public void What_an_administrator_has_disabled_stays_disabled()
    {
        _script.Program("deb-systemd-helper", "[ \"$2\" != was-enabled ] || exit 1");

        Assert.Equal(0, _script.Run("deb/postinst", "configure", "1.0.0").Code);
        Assert.Equal(
            ["deb-systemd-helper update-state host-service.service", "deb-systemd-helper update-state host-service-firewall.service"],
            Calls("deb-systemd-helper"));
    }

    [Fact]
    public void An_upgrade_asks_the_service_that_runs_to_restart_under_its_users()
    {
        Put("usr/libexec/host-service/host-service");

        Assert.Equal((0, ""), _script.Run("deb/postinst", "configure", "1.0.0"));
        Assert.Equal([Restart], Calls("systemd-run"));
        Assert.Equal(
            [
                "systemctl daemon-reload",
                "systemctl try-restart host-service-relay.service host-service-fleet.service",
                "systemctl is-active --quiet host-service.service",
            ],
            Calls("systemctl"));
        Assert.Equal("usr/libexec/host-service/host-service", File.ReadAllText(Running));
    }

    [Fact]
    public void A_service_that_cannot_restart_under_its_users_goes_on_and_the_new_version_waits_for_the_next_start()
    {
        Put("usr/libexec/host-service/host-service");
        _script.Program("systemd-run", "exit 3");

        var (code, output) = _script.Run("deb/postinst", "configure", "1.0.0");

        Assert.Equal(0, code);
        Assert.Contains("the version that runs goes on; the new one runs from the next start", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_version_that_did_not_get_ready_is_a_failure_of_the_installation()
    {
        Put("usr/libexec/host-service/host-service");
        _script.Program("systemd-run", "exit 1");

        Assert.Equal(1, _script.Run("deb/postinst", "configure", "1.0.0").Code);
    }

    [Fact]
    public void A_service_that_is_down_or_runs_the_installed_version_already_is_not_restarted()
    {
        // Makes the second name of the binary.
        Assert.Equal(0, _script.Run("deb/postinst", "configure", "1.0.0").Code);
        Assert.Equal(0, _script.Run("deb/postinst", "configure", "1.0.0").Code);
        File.Delete(Running);
        Put("usr/libexec/host-service/host-service");
        ServiceIs(active: false);
        Assert.Equal((0, ""), _script.Run("deb/postinst", "configure", "1.0.0"));

        Assert.Empty(Calls("systemd-run"));
    }

    [Fact]
    public void A_reload_of_systemd_that_would_take_the_gpus_from_mandelboxes_is_left_out()
    {
        Put("dev/nvidiactl");
        Docker(mandelboxes: "4c01db0b339c", cgroupDriver: "systemd");

        var (code, output) = _script.Run("deb/postinst", "configure", "");

        Assert.Equal(0, code);
        Assert.Contains("would lose their GPUs", output, StringComparison.Ordinal);
        Assert.Empty(Calls("systemctl"));

        Docker(mandelboxes: "4c01db0b339c", cgroupDriver: "cgroupfs");
        Assert.Equal(0, _script.Run("deb/postinst", "configure", "").Code);
        Assert.Equal(["systemctl daemon-reload"], Calls("systemctl"));
    }

    [Fact]
    public void An_image_that_is_being_made_has_the_files_and_nothing_is_loaded()
    {
        Directory.Delete(InRoot("run/systemd"), recursive: true);

        Assert.Equal((0, ""), _script.Run("deb/postinst", "configure", ""));
        Assert.All(_script.Calls, call => Assert.StartsWith("deb-systemd-helper ", call, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("abort-upgrade")]
    [InlineData("abort-remove")]
    [InlineData("abort-deconfigure")]
    public void An_end_of_dpkgs_work_that_changes_nothing_touches_nothing(string action)
    {
        Assert.Equal((0, ""), _script.Run("deb/postinst", action, "1.0.0"));
        Assert.Empty(_script.Calls);
    }

    [Fact]
    public void An_installation_in_usr_local_would_hide_the_package_and_has_to_go_first()
    {
        Assert.Equal((0, ""), _script.Run("deb/preinst", "install"));
        Put("usr/local/lib/systemd/system/host-service.service");

        var (code, output) = _script.Run("deb/preinst", "install");

        Assert.Equal(1, code);
        Assert.Contains("make uninstall", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("4c01db0b339c", "0 mandelboxes, 4 of 4 slots free")]
    [InlineData("", "2 mandelboxes, 2 of 4 slots free")]
    public void Removal_is_refused_while_mandelboxes_run(string labelled, string status)
    {
        Docker(labelled, cgroupDriver: "systemd");
        ServiceIs(active: true, status);

        var (code, output) = _script.Run("deb/prerm", "remove");

        Assert.Equal(1, code);
        Assert.Contains("host-service drain", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_script.Calls, call => call.StartsWith("systemctl stop", StringComparison.Ordinal));
    }

    [Fact]
    public void A_mandelbox_that_has_just_ended_does_not_keep_the_package()
    {
        ServiceIs(active: true, "1 mandelboxes, 3 of 4 slots free");
        _script.Program("sleep", $"echo '0 mandelboxes, 4 of 4 slots free' > {_script["status"]}");

        Assert.Equal((0, ""), _script.Run("deb/prerm", "remove"));
        Assert.Equal(["sleep 1"], Calls("sleep"));
    }

    [Fact]
    public void What_a_service_said_before_it_crashed_does_not_keep_the_package()
    {
        ServiceIs(active: false, "1 mandelboxes, 3 of 4 slots free");

        Assert.Equal((0, ""), _script.Run("deb/prerm", "remove"));
    }

    [Fact]
    public void Removal_stops_a_service_without_mandelboxes_and_takes_away_what_starts_and_upgrades_have_made()
    {
        Put("sys/kernel/security/apparmor/profiles", "mandelbox-apparmor-profile (enforce)\n");
        Put("usr/libexec/host-service/host-service");
        Put("usr/bin/host-service.old");
        ServiceIs(active: true, "0 mandelboxes, 4 of 4 slots free");

        Assert.Equal((0, ""), _script.Run("deb/prerm", "remove"));
        Assert.Contains(
            "systemctl stop host-service-relay.service host-service-fleet.service host-service.service host-service-firewall.service",
            _script.Calls);
        Assert.Contains($"apparmor_parser -R {InRoot("etc/apparmor.d/mandelbox-apparmor-profile")}", _script.Calls);
        Assert.False(File.Exists(Running));
        Assert.False(File.Exists(InRoot("usr/bin/host-service.old")));
    }

    [Theory]
    [InlineData("prerm", "upgrade")]
    [InlineData("prerm", "deconfigure")]
    [InlineData("postrm", "upgrade")]
    public void The_old_version_leaves_everything_alone_when_a_new_one_comes(string script, string action)
    {
        Put("usr/libexec/host-service/host-service");
        Docker(mandelboxes: "4c01db0b339c", cgroupDriver: "systemd");

        Assert.Equal((0, ""), _script.Run($"deb/{script}", action, "2.0.0"));
        Assert.Empty(_script.Calls);
        Assert.True(File.Exists(Running));
    }

    [Fact]
    public void Removing_keeps_the_configuration_and_purging_takes_it_away_and_neither_touches_users_files()
    {
        Put("etc/host-service/environment");
        Put("fractalCloudStorage/.cache/file");
        Put("var/cache/host-service/lib.so");

        Assert.Equal((0, ""), _script.Run("deb/postrm", "remove"));
        Assert.True(File.Exists(InRoot("etc/host-service/environment")));
        Assert.False(Directory.Exists(InRoot("var/cache/host-service")));

        Assert.Equal((0, ""), _script.Run("deb/postrm", "purge"));
        Assert.False(Directory.Exists(InRoot("etc/host-service")));
        Assert.Contains("deb-systemd-helper purge host-service.service host-service-firewall.service host-service-relay.service host-service-fleet.service", _script.Calls);
        Assert.True(File.Exists(InRoot("fractalCloudStorage/.cache/file")));
    }

    private void ServiceIs(bool active, string status = "")
    {
        File.WriteAllText(_script["status"], status);
        _script.Program("systemctl", $"case $1 in is-active) {(active ? "" : "exit 3")};; show) cat {_script["status"]};; esac");
    }

    private void Docker(string mandelboxes, string cgroupDriver) =>
        _script.Program("docker", $"case $1 in ps) echo {mandelboxes};; info) echo {cgroupDriver};; esac");

    private string InRoot(string path) => Path.Combine(_script["root"], path);

    /// <summary>A file of the machine; without a content, its own path.</summary>
    private void Put(string path, string? content = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(InRoot(path))!);
        File.WriteAllText(InRoot(path), content ?? path);
    }

    private IEnumerable<string> Calls(string program) =>
        _script.Calls.Where(call => call.StartsWith($"{program} ", StringComparison.Ordinal));
}

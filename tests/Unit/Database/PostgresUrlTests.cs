using HostService.Infrastructure.Backend.Connection;
using Npgsql;

namespace HostService.Tests.Unit.Database;

public sealed class PostgresUrlTests
{
    [Theory]
    [InlineData("postgres://u:p@h:6543/d", "h", 6543, "u", "p", "d")]
    [InlineData("postgresql://u:p@h/d", "h", 5432, "u", "p", "d")]
    [InlineData("POSTGRES://u@h", "h", 5432, "u", null, null)]
    [InlineData("postgres://a%40b:p%3A%2F%40%3F%3D%3B%25@h/my%20db", "h", 5432, "a@b", "p:/@?=;%", "my db")]
    [InlineData("postgres://u:a@b@h/d", "h", 5432, "u", "a@b", "d")]
    [InlineData("postgres://u:p@[::1]:6543/d", "::1", 6543, "u", "p", "d")]
    [InlineData("postgres://u:p@/d?host=/run/postgresql&port=6543", "/run/postgresql", 6543, "u", "p", "d")]
    [InlineData("postgres://%2Frun%2Fpg/d?user=u&password=p", "/run/pg", 5432, "u", "p", "d")]
    public void Every_part_is_read_and_percent_decoded(string url, string host, int port, string? user, string? password, string? database)
    {
        Assert.Null(PostgresUrl.TryParse(url, out var found, out _));

        Assert.Equal((host, port, user, password, database), (found!.Host, found.Port, found.Username, found.Password, found.Database));
    }

    [Theory]
    [InlineData("postgres://u:p@ec2-1.compute-1.amazonaws.com:5432/d", SslMode.Require)]
    [InlineData("postgres://u:p@10.0.0.1/d", SslMode.Require)]
    [InlineData("postgres://u:p@localhost/d", SslMode.Prefer)]
    [InlineData("postgres://u:p@127.0.0.1/d", SslMode.Prefer)]
    [InlineData("postgres://u:p@[::1]/d", SslMode.Prefer)]
    [InlineData("postgres:///d?host=/run/postgresql", SslMode.Prefer)]
    [InlineData("postgres://u:p@h/d?sslmode=disable", SslMode.Disable)]
    [InlineData("postgres://u:p@h/d?application_name=x&sslmode=verify-full", SslMode.VerifyFull)]
    [InlineData("postgres://u:p@localhost/d?sslmode=require", SslMode.Require)]
    public void Another_machine_is_spoken_to_over_TLS_unless_the_URL_says_otherwise(string url, SslMode expected)
    {
        Assert.Null(PostgresUrl.TryParse(url, out var found, out _));

        Assert.Equal(expected, found!.SslMode);
    }

    [Fact]
    public void Parameters_of_libpq_are_taken_over_where_Npgsql_has_them()
    {
        Assert.Null(PostgresUrl.TryParse(
            "postgres://u:p@h/d?channel_binding=require&gssencmode=disable&sslnegotiation=direct&options=-c%20search_path%3Dhardware&application_name=a%20b"
            + "&sslrootcert=/ca.pem&sslcert=/me.pem&sslkey=/me.key&sslpassword=s&keepalives=1&keepalives_idle=30&keepalives_interval=5&passfile=/pass"
            + "&require_auth=scram-sha-256&krbsrvname=pg",
            out var found,
            out var unused));

        Assert.Empty(unused);
        Assert.Equal(
            (ChannelBinding.Require, GssEncryptionMode.Disable, SslNegotiation.Direct, "-c search_path=hardware", "a b"),
            (found!.ChannelBinding, found.GssEncryptionMode, found.SslNegotiation, found.Options, found.ApplicationName));
        Assert.Equal(
            ("/ca.pem", "/me.pem", "/me.key", "s"), (found.RootCertificate, found.SslCertificate, found.SslKey, found.SslPassword));
        Assert.Equal((true, 30, 5), (found.TcpKeepAlive, found.TcpKeepAliveTime, found.TcpKeepAliveInterval));
        Assert.Equal(("/pass", "ScramSHA256", "pg"), (found.Passfile, found.RequireAuth, found.KerberosServiceName));
    }

    [Fact]
    public void Parameters_of_libpq_that_have_no_effect_here_are_named_and_no_fault()
    {
        Assert.Null(PostgresUrl.TryParse(
            "postgres://u:p@h/d?connect_timeout=10&target_session_attrs=read-write&sslmode=require&client_encoding=utf8&sslcompression=0",
            out var found, out var unused));

        Assert.Equal(["connect_timeout", "target_session_attrs", "client_encoding", "sslcompression"], unused);
        Assert.Equal(SslMode.Require, found!.SslMode);
    }

    [Theory]
    [InlineData("mysql://u:hunter2@h/d", "is not a postgres:// URL.")]
    [InlineData("hunter2", "is not a postgres:// URL.")]
    [InlineData("postgres://u:hunter2@/d", "names no host.")]
    [InlineData("postgres://", "names no host.")]
    [InlineData("postgres://u:hunter2@h:0/d", "has a port that is not a number")]
    [InlineData("postgres://u:hunter2@h:65536/d", "has a port that is not a number")]
    [InlineData("postgres://u:hun/ter2@h/d", "must be percent-encoded")]
    [InlineData("postgres://u:hunter2@h1,h2/d", "must name one host.")]
    [InlineData("postgres://u:hunter2@h/d?sslmode=hunter2", "has an sslmode that is not one of disable,")]
    [InlineData("postgres://u:hunter2@h/d?hunter2=hunter2", "has a parameter that PostgreSQL's own clients do not know")]
    [InlineData("postgres://u:hunter2@h/d?channel_binding=hunter2", "has a channel_binding that is not one of disable, prefer, require.")]
    [InlineData("postgres://u:hunter2@h/d?keepalives_idle=hunter2", "has a keepalives_idle that is not a number of seconds.")]
    [InlineData("postgres://u:hunter2@h/d?require_auth=hunter2", "has a require_auth that Npgsql cannot use.")]
    [InlineData("postgres://u:hunter2@h/d?port=hunter2", "has a port that is not a number")]
    public void A_fault_is_named_and_the_URL_is_not_repeated(string url, string expected)
    {
        var fault = PostgresUrl.TryParse(url, out var found, out _);

        Assert.Null(found);
        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", fault, StringComparison.Ordinal);
    }
}

using HostService.Machine.Database;
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
        Assert.Null(PostgresUrl.TryParse(url, out var found));

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
        Assert.Null(PostgresUrl.TryParse(url, out var found));

        Assert.Equal(expected, found!.SslMode);
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
    [InlineData("postgres://u:hunter2@h/d?hunter2=hunter2", "has a parameter that is not supported")]
    public void A_fault_is_named_and_the_URL_is_not_repeated(string url, string expected)
    {
        var fault = PostgresUrl.TryParse(url, out var found);

        Assert.Null(found);
        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", fault, StringComparison.Ordinal);
    }
}

using HostService.GrainInterfaces;
using HostService.Infrastructure.Aws;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using static HostService.Tests.Unit.Ec2.FakeMetadataService;

namespace HostService.Tests.Unit.Ec2;

/// <summary>Against a listener on loopback; never the machine's own metadata address.</summary>
public sealed class Ec2InstanceMetadataTests : IAsyncLifetime
{
    private static readonly HostIdentity Whole =
        new("host-7", "i-0123456789abcdef0", "g4dn.xlarge", "ami-0f0f0f0f0f0f0f0f0", "us-east-1", "203.0.113.7");

    private readonly ManualClock _clock = new();
    private FakeMetadataService _service = null!;
    private Ec2InstanceMetadata _metadata = null!;

    public async Task InitializeAsync()
    {
        _service = await StartAsync();
        _metadata = Reader(_service.Address);
    }

    public async Task DisposeAsync()
    {
        _metadata.Dispose();
        await _service.DisposeAsync();
    }

    [Fact]
    public async Task Everything_is_read_with_one_token_where_tokens_are_required()
    {
        Assert.Equal(Whole, await ReadAsync());

        Assert.Equal(
            ["PUT token", "GET instance-id", "GET instance-type", "GET ami-id", "GET placement/region", "GET public-ipv4", "GET tags/instance/Name"],
            _service.Requests);
    }

    [Theory]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(405)]
    public async Task A_service_that_knows_only_version_1_is_read_without_a_token(int status)
    {
        _service.TokenStatus = status;
        _service.TokensRequired = false;

        Assert.Equal(Whole, await ReadAsync());

        Assert.Single(_service.Requests, r => r == "PUT token");
    }

    [Theory]
    [InlineData(400)]
    [InlineData(500)]
    public async Task A_service_that_answers_the_token_request_with_an_error_only_is_read_without_a_token_after_a_few_tries(int status)
    {
        _service.TokenStatus = status;
        _service.TokensRequired = false;

        Assert.Equal(Whole, await ReadAsync());

        Assert.Equal(["PUT token", "PUT token", "PUT token", "GET instance-id"], _service.Requests.Take(4));
        Assert.Equal(3, _service.Requests.Count(r => r == "PUT token"));
    }

    [Fact]
    public async Task A_service_that_closes_the_connection_on_the_token_request_is_read_without_a_token_after_a_few_tries()
    {
        _service.TokensRequired = false;
        _service.Next(Close, Close, Close);

        Assert.Equal(Whole, await ReadAsync());

        static Task Close(Microsoft.AspNetCore.Http.HttpContext context)
        {
            context.Abort();
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task A_token_request_that_is_never_answered_falls_back_to_version_1()
    {
        _service.TokensRequired = false;
        _service.Next(_service.Hang);

        var reading = ReadAsync();
        Assert.Equal("PUT token", await _service.NextHanging());
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(Whole, await reading);
    }

    [Fact]
    public async Task A_service_that_wants_a_token_and_gives_none_is_named_as_such()
    {
        _service.TokenStatus = 403;

        Assert.Contains("instance-id", await FailureAsync(), StringComparison.Ordinal);
        Assert.Contains("HTTP 401, because it requires a token and gave none: HTTP 403", await FailureAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_that_is_no_longer_accepted_is_replaced()
    {
        _service.Next(GiveThenForget);

        Assert.Equal(Whole, await ReadAsync());

        Assert.Equal(["PUT token", "GET instance-id", "PUT token", "GET instance-id"], _service.Requests.Take(4));

        static Task GiveThenForget(Microsoft.AspNetCore.Http.HttpContext context) => Text(context, 200, "a-token-that-ran-out");
    }

    [Fact]
    public async Task A_slow_answer_is_given_up_after_a_second_and_asked_for_again()
    {
        _service.Next(Status(404), _service.Hang);
        _service.TokensRequired = false;

        var reading = ReadAsync();
        Assert.Equal("GET instance-id", await _service.NextHanging());
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(Whole, await reading);
    }

    [Fact]
    public async Task A_service_that_never_answers_fails_after_a_few_tries_and_is_read_once_it_does()
    {
        _service.TokensRequired = false;
        _service.Next(Status(404), _service.Hang, _service.Hang, _service.Hang);

        var reading = ReadAsync();
        for (var i = 0; i < 3; i++)
        {
            await _service.NextHanging();
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        var e = await Assert.ThrowsAsync<InstanceMetadataException>(() => reading);
        Assert.Contains("instance-id could not be read", e.Message, StringComparison.Ordinal);
        Assert.Contains("no answer within 1 s (3 tries)", e.Message, StringComparison.Ordinal);
        Assert.Equal(Whole, await ReadAsync());
    }

    [Fact]
    public async Task A_service_error_is_tried_again()
    {
        _service.Next(Status(500), Status(503));

        Assert.Equal(Whole, await ReadAsync());
    }

    [Fact]
    public async Task A_service_error_that_lasts_is_reported_and_nothing_of_it_is_kept()
    {
        _service.Next([.. Enumerable.Repeat(Status(500), 6)]);

        Assert.Contains("HTTP 500 (3 tries); no token: HTTP 500 (3 tries)", await FailureAsync(), StringComparison.Ordinal);
        Assert.Equal(Whole, await ReadAsync());
    }

    [Fact]
    public async Task A_value_that_is_not_there_is_named_and_not_asked_for_again_and_again()
    {
        _service.Values.TryRemove("public-ipv4", out _);

        Assert.Contains(
            "no public-ipv4 (HTTP 404): the instance needs a public IPv4 address", await FailureAsync(), StringComparison.Ordinal);
        Assert.Single(_service.Requests, r => r == "GET public-ipv4");

        _service.Values["public-ipv4"] = "203.0.113.7";
        Assert.Equal(Whole, await ReadAsync());
    }

    [Fact]
    public async Task What_was_read_is_kept_and_only_what_failed_is_read_again()
    {
        _service.Values.TryRemove("ami-id", out _);
        await FailureAsync();
        _service.Values["ami-id"] = "ami-0f0f0f0f0f0f0f0f0";
        _service.Requests.Clear();

        Assert.Equal(Whole, await ReadAsync());
        Assert.Equal(["PUT token", "GET ami-id", "GET placement/region", "GET public-ipv4", "GET tags/instance/Name"], _service.Requests);

        _service.Requests.Clear();
        Assert.Equal(Whole, await ReadAsync());
        Assert.Empty(_service.Requests);
    }

    [Fact]
    public async Task Half_an_answer_is_no_answer()
    {
        _service.Next(Status(404), Half("i-0123456789abcdef0"));
        _service.TokensRequired = false;

        Assert.Equal(Whole, await ReadAsync());
        Assert.Equal(2, _service.Requests.Count(r => r == "GET instance-id"));
    }

    [Theory]
    [InlineData("instance-id", "", "i-01234567")]
    [InlineData("instance-id", "i-", "i-01234567")]
    [InlineData("ami-id", "ami", "ami-0f0f0f0f0f0f0f0f0")]
    [InlineData("ami-id", "ami-", "ami-0f0f0f0f0f0f0f0f0")]
    [InlineData("instance-type", "g4dn.", "g4dn.xlarge")]
    [InlineData("placement/region", "us-east-", "us-east-1")]
    [InlineData("public-ipv4", "203.0.11", "203.0.113.7")]
    [InlineData("public-ipv4", "203.0.113.", "203.0.113.7")]
    public async Task A_value_cut_short_that_looks_whole_to_HTTP_is_still_refused_where_it_cannot_be_one_and_not_kept(
        string path, string cut, string whole)
    {
        _service.Values[path] = cut;
        Assert.Contains($"no usable {path}: \"{cut}\"", await FailureAsync(), StringComparison.Ordinal);

        _service.Values[path] = whole;
        var identity = await ReadAsync();
        Assert.Contains(whole, identity.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("instance-id", "i-test")]
    [InlineData("instance-id", "i-0123456789abcdef0\n")]
    [InlineData("ami-id", "ami-0abc123")]
    [InlineData("ami-id", " ami-0f0f0f0f0f0f0f0f0\r\n")]
    [InlineData("instance-type", "u-6tb1.metal\n")]
    [InlineData("placement/region", "eusc-de-east-1")]
    [InlineData("placement/region", "us-gov-west-1\n")]
    [InlineData("public-ipv4", "203.0.113.8\n")]
    [InlineData("tags/instance/Name", "host-8\n")]
    public async Task What_Amazon_may_call_things_is_taken_as_it_is_but_for_space_around_it(string path, string value)
    {
        _service.Values[path] = value;

        var identity = await ReadAsync();

        Assert.Contains($" = {value.Trim()}", identity.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', identity.ToString());
    }

    [Fact]
    public async Task A_token_with_a_newline_behind_it_is_a_token()
    {
        _service.Next(async context =>
        {
            Assert.Equal("PUT", context.Request.Method);
            await Text(context, 200, "a-token\n");
        });
        _service.TokensRequired = false;

        Assert.Equal(Whole, await ReadAsync());

        Assert.Single(_service.Requests, r => r == "PUT token");
    }

    [Fact]
    public async Task A_page_from_something_else_is_not_taken_for_an_identity()
    {
        _service.Values["instance-type"] = "<html>\r\nLog in</html>";

        Assert.Contains("no usable instance-type: \"<html>??Log in</html>\"", await FailureAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_machine_without_a_metadata_service_is_told_what_was_tried()
    {
        var address = _service.Address;
        await _service.DisposeAsync();
        using var metadata = Reader(address);

        var e = await Assert.ThrowsAsync<InstanceMetadataException>(() => metadata.ReadAsync(CancellationToken.None));

        Assert.Contains($"instance-id could not be read from {address}", e.Message, StringComparison.Ordinal);
        Assert.Contains("refused", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_who_ask_at_once_cost_one_reading()
    {
        var both = await Task.WhenAll(ReadAsync(), ReadAsync());

        Assert.Equal([Whole, Whole], both);
        Assert.Equal(7, _service.Requests.Count);
    }

    [Fact]
    public async Task Giving_up_is_the_callers_right_and_no_failure_of_the_service()
    {
        _service.Next(_service.Hang);
        using var caller = new CancellationTokenSource();

        var reading = _metadata.ReadAsync(caller.Token);
        await _service.NextHanging();
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    private Ec2InstanceMetadata Reader(string address) => new(
        Options.Create(new Ec2Options { MetadataEndpoint = address, Pause = TimeSpan.Zero }), _clock,
        NullLogger<Ec2InstanceMetadata>.Instance);

    private Task<HostIdentity> ReadAsync() => _metadata.ReadAsync(CancellationToken.None);

    private async Task<string> FailureAsync() => (await Assert.ThrowsAsync<InstanceMetadataException>(ReadAsync)).Message;
}

using HostService.Infrastructure.Aws;
using HostService.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace HostService.Tests.Unit.Ec2;

/// <summary>The Name tag where metadata tags are off: the EC2 API's <c>DescribeTags</c>.</summary>
public sealed class NameTagTests : IAsyncLifetime
{
    private const string Secret = "the/secret+key";

    private FakeMetadataService _service = null!;
    private Ec2InstanceMetadata _metadata = null!;

    public async Task InitializeAsync()
    {
        _service = await FakeMetadataService.StartAsync();
        _service.Values.TryRemove("tags/instance/Name", out _);
        _service.Values["iam/security-credentials/"] = "host-role";
        _service.Values["iam/security-credentials/host-role"] =
            $$"""{"Code":"Success","AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"{{Secret}}","Token":"session+token/==","Expiration":"2030-01-01T00:00:00Z"}""";
        _metadata = new Ec2InstanceMetadata(
            Options.Create(new Ec2Options { MetadataEndpoint = _service.Address, ApiEndpoint = _service.Address, Pause = TimeSpan.Zero }),
            new ManualClock(),
            NullLogger<Ec2InstanceMetadata>.Instance);
    }

    public async Task DisposeAsync()
    {
        _metadata.Dispose();
        await _service.DisposeAsync();
    }

    [Fact]
    public async Task The_name_is_read_from_the_API_with_the_credentials_of_the_instances_role()
    {
        var authorization = "";
        var token = "";
        var form = "";
        _service.Api = async context =>
        {
            authorization = context.Request.Headers.Authorization.ToString();
            token = context.Request.Headers["X-Amz-Security-Token"].ToString();
            form = string.Join(
                '&', (await context.Request.ReadFormAsync()).Select(f => $"{f.Key}={f.Value}").Order(StringComparer.Ordinal));
            await FakeMetadataService.Text(context, 200, Tags("host-by-tag"));
        };

        Assert.Equal("host-by-tag", (await _metadata.ReadAsync(CancellationToken.None)).InstanceName);

        Assert.Matches("^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/[0-9]{8}/us-east-1/ec2/aws4_request,", authorization);
        Assert.Equal("session+token/==", token);
        Assert.Equal(
            "Action=DescribeTags&Filter.1.Name=resource-id&Filter.1.Value.1=i-0123456789abcdef0&Filter.2.Name=key&Filter.2.Value.1=Name&Version=2016-11-15",
            form);
    }

    [Fact]
    public async Task A_name_once_read_is_kept()
    {
        _service.Api = context => FakeMetadataService.Text(context, 200, Tags("host-by-tag"));
        await _metadata.ReadAsync(CancellationToken.None);
        _service.Requests.Clear();

        await _metadata.ReadAsync(CancellationToken.None);

        Assert.Empty(_service.Requests);
    }

    [Fact]
    public async Task A_role_without_the_permission_is_told_which_one_it_needs()
    {
        _service.Api = context => FakeMetadataService.Text(
            context, 403, "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not "
                + "authorized</Message></Error></Errors></Response>");

        var message = await FailureAsync();

        Assert.Contains("HTTP 403 UnauthorizedOperation: You are not authorized", message, StringComparison.Ordinal);
        Assert.Contains("give the instance's role ec2:DescribeTags", message, StringComparison.Ordinal);
        Assert.Single(_service.Requests, r => r == "POST /");
    }

    [Fact]
    public async Task An_API_that_fails_is_tried_again_and_its_failure_is_not_kept()
    {
        var answers = new Queue<(int Status, string Text)>(
            [(500, ""), (503, "<no"), (200, "<half><item>"), (500, ""), (200, Tags("host-by-tag"))]);
        _service.Api = context =>
        {
            var (status, text) = answers.Dequeue();
            return FakeMetadataService.Text(context, status, text);
        };

        Assert.Contains("Name tag of i-0123456789abcdef0 could not be read", await FailureAsync(), StringComparison.Ordinal);
        Assert.Equal("host-by-tag", (await _metadata.ReadAsync(CancellationToken.None)).InstanceName);
    }

    [Fact]
    public async Task An_instance_without_a_name_is_told_that_it_needs_one()
    {
        _service.Api = context => FakeMetadataService.Text(
            context, 200, "<DescribeTagsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><tagSet/></DescribeTagsResponse>");

        Assert.Contains("i-0123456789abcdef0 has no Name tag", await FailureAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_instance_without_a_role_is_told_so()
    {
        _service.Values.TryRemove("iam/security-credentials/", out _);

        Assert.Contains("metadata tags are off, and the instance has no role", await FailureAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"AccessKeyId\":\"AKIDEXAMPLE\",\"SecretAccessKey\":\"hush\"}", "are incomplete")]
    [InlineData("{\"AccessKeyId\":\"AKIDEXAMPLE\",\"SecretAccessKey\":\"hush", "cannot be read")]
    public async Task Half_of_the_roles_credentials_are_no_credentials_and_the_secret_stays_out_of_the_message(string json, string words)
    {
        _service.Values["iam/security-credentials/host-role"] = json;

        var message = await FailureAsync();

        Assert.Contains("role host-role " + words, message, StringComparison.Ordinal);
        Assert.DoesNotContain("hush", message, StringComparison.Ordinal);
    }

    private static string Tags(string name) =>
        $"""
        <?xml version="1.0" encoding="UTF-8"?>
        <DescribeTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><tagSet><item>
        <resourceId>i-0123456789abcdef0</resourceId><resourceType>instance</resourceType><key>Name</key><value>{name}</value>
        </item></tagSet></DescribeTagsResponse>
        """;

    private async Task<string> FailureAsync() =>
        (await Assert.ThrowsAsync<InstanceMetadataException>(() => _metadata.ReadAsync(CancellationToken.None))).Message;
}

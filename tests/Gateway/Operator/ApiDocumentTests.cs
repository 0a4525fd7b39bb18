using System.Diagnostics;
using System.Net;
using HostService.Gateway;
using HostService.Tests.Gateway.Fakes;
using HostService.Tests.Support;
using Microsoft.OpenApi;

namespace HostService.Tests.Gateway.Operator;

public sealed class ApiDocumentTests
{
    private const string Validator = "openapi-spec-validator";

    private static readonly string[] Operations =
    [
        "PUT /spin_up_mandelbox", "POST /drain_and_shutdown", "PUT /set_container_dpi", "POST /mount_cloud_storage",
        "POST /register_docker_container_id", "POST /create_uinput_devices",
        "GET /healthz", "GET /readyz", "GET /metrics",
        "GET /v1/host", "POST /v1/host/drain", "DELETE /v1/host/drain", "POST /v1/host/restart", "GET /v1/leases", "GET /v1/doctor",
        "GET /v1/history", "GET /v1/events", "GET /v1/mandelboxes", "GET /v1/mandelboxes/{id}", "DELETE /v1/mandelboxes/{id}",
        "GET /v1/mandelboxes/{id}/timeline", "GET /v1/mandelboxes/{id}/logs",
    ];

    [Fact]
    public async Task It_describes_every_endpoint_of_the_service_and_none_that_its_host_adds()
    {
        var document = await ReadAsync();

        // The host of this test has mapped /guarded.
        Assert.Equal(Operations.Order(StringComparer.Ordinal), All(document).Select(o => o.Key).Order(StringComparer.Ordinal));
        Assert.Equal(typeof(GatewaySetup).Assembly.GetName().Version!.ToString(3), document.Info.Version);
        Assert.Equal(["Monitoring", "Operator", "Wire"], document.Tags!.Select(tag => tag.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_reader_of_the_library_has_no_complaint()
    {
        var result = OpenApiDocument.Parse(await TextAsync());

        Assert.Equal([], result.Diagnostic!.Errors.Select(error => $"{error.Pointer}: {error.Message}"));
        Assert.Equal([], result.Diagnostic.Warnings.Select(warning => $"{warning.Pointer}: {warning.Message}"));
        Assert.Equal([], result.Document!.Validate(ValidationRuleSet.GetDefaultRuleSet()).Select(error => error.Message));
    }

    [NeedsFact(Validator)]
    public async Task A_validator_of_the_specification_has_no_complaint()
    {
        using var directory = new ScratchDirectory();
        await File.WriteAllTextAsync(directory["v1.json"], await TextAsync());
        using var validator = Process.Start(new ProcessStartInfo(Needs.Program(Validator)!, [directory["v1.json"]])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = validator.StandardError.ReadToEndAsync();
        var output = await validator.StandardOutput.ReadToEndAsync() + await errors;
        await validator.WaitForExitAsync();
        Assert.True(validator.ExitCode == 0, output);
    }

    [Fact]
    public async Task A_number_is_never_a_text_and_an_enumeration_always_is()
    {
        var schemas = Schemas(await ReadAsync()).ToList();

        var numbers = schemas.Where(s => (s.Schema.Type & (JsonSchemaType.Integer | JsonSchemaType.Number)) > 0).ToList();
        Assert.Contains(numbers, s => s.Name == "PoolFigures.used");
        Assert.Contains(numbers, s => s.Name == "SpinUpBody.session_id");
        Assert.Contains(numbers, s => s.Name == "limit");
        Assert.All(numbers, s =>
        {
            Assert.Contains(s.Schema.Type & ~JsonSchemaType.Null, new JsonSchemaType?[] { JsonSchemaType.Integer, JsonSchemaType.Number });
            Assert.Null(s.Schema.Pattern);
            Assert.NotNull(s.Schema.Format);
        });
        var enumerations = schemas.Where(s => s.Schema.Enum is { Count: > 0 }).ToList();
        Assert.Contains(enumerations, s => s.Name == "EndCause");
        Assert.All(enumerations, s => Assert.Equal(JsonSchemaType.String, s.Schema.Type));
        Assert.All(enumerations, s => Assert.All(s.Schema.Enum!, value => Assert.False(value.IsJsonNullSentinel(), s.Name)));
        Assert.All(schemas, s => Assert.True(s.Schema.Type is not null || s.Schema.OneOf is { Count: > 0 }, $"{s.Name} has no type"));
    }

    [Fact]
    public async Task What_an_answer_always_has_is_required_and_what_a_body_needs()
    {
        var document = await ReadAsync();
        var answers = document.Components!.Schemas!.Where(s => !s.Key.EndsWith("Body", StringComparison.Ordinal)).ToList();
        Assert.All(answers, answer => Assert.Equal(NeverNull(answer.Value), Required(answer.Value)));
        Assert.Contains("gpus", document.Components.Schemas!["HostDescription"].Required!);
        Assert.Contains("name", document.Components.Schemas["TimelineStep"].Required!);

        (string Body, string[] Required, string[] Optional)[] bodies =
        [
            ("SpinUpBody", ["app_name", "config_encryption_token", "mandelbox_id"], ["dpi", "jwt_access_token", "session_id"]),
            ("DrainBody", [], ["auth_secret", "force"]),
            ("SetContainerDpiBody", ["dpi", "host_port"], ["auth_secret"]),
            ("MountCloudStorageBody", ["host_port", "provider"],
                ["access_token", "auth_secret", "client_id", "client_secret", "expiry", "refresh_token", "token_type"]),
            ("RegisterDockerContainerIdBody", ["docker_id", "fractal_id"], ["auth_secret"]),
            ("CreateUinputDevicesBody", ["fractal_id"], ["auth_secret"]),
        ];
        Assert.All(bodies, expected =>
        {
            var schema = document.Components.Schemas[expected.Body];
            Assert.Equal(expected.Required, Required(schema));
            Assert.Equal(expected.Required, NeverNull(schema));
            Assert.Equal(
                expected.Required.Concat(expected.Optional).Order(StringComparer.Ordinal),
                schema.Properties!.Keys.Order(StringComparer.Ordinal));
        });
    }

    [Fact]
    public async Task Each_operation_has_an_id_a_summary_and_the_credential_that_it_needs()
    {
        var document = await ReadAsync();
        var operations = All(document);

        Assert.All(operations, o => Assert.False(string.IsNullOrWhiteSpace(o.Value.Summary), o.Key));
        Assert.Equal(operations.Count, operations.Values.Select(o => o.OperationId).OfType<string>().ToHashSet().Count);
        Assert.All(operations, o => Assert.Equal(SchemeOf(o.Key), Assert.Single(Assert.Single(o.Value.Security!)).Key.Reference.Id));
        Assert.Equal(
            ["backend", "backendInBody", "user"], document.Components!.SecuritySchemes!.Keys.Order(StringComparer.Ordinal));
        Assert.Contains("jwt_access_token", document.Components.SecuritySchemes["user"].Description, StringComparison.Ordinal);
        Assert.Contains("auth_secret", document.Components.SecuritySchemes["backendInBody"].Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_operation_has_its_answers_and_its_errors() => Assert.All(
        All(await ReadAsync()),
        o => Assert.Equal(StatusesOf(o.Key), string.Join(' ', o.Value.Responses!.Keys.Order(StringComparer.Ordinal))));

    [Fact]
    public async Task Parameters_of_the_query_are_described_as_what_they_are()
    {
        var parameters = All(await ReadAsync()).SelectMany(o => (o.Value.Parameters ?? []).Select(p => (o.Key, Parameter: p))).ToList();

        Assert.Equal(
            [
                "DELETE /v1/mandelboxes/{id}: Path id String -",
                "GET /v1/events: Header Last-Event-ID Integer 0-",
                "GET /v1/events: Query limit Integer 1-1000 1000",
                "GET /v1/history: Query limit Integer 1-1000 1000",
                "GET /v1/mandelboxes/{id}/logs: Path id String -",
                "GET /v1/mandelboxes/{id}/logs: Query follow Boolean - false",
                "GET /v1/mandelboxes/{id}/logs: Query tail Integer 1-5000 200",
                "GET /v1/mandelboxes/{id}/timeline: Path id String -",
                "GET /v1/mandelboxes/{id}: Path id String -",
                "POST /v1/host/drain: Query force Boolean - false",
            ],
            parameters.Select(p => $"{p.Key}: {Text(p.Parameter)}").Order(StringComparer.Ordinal));
        Assert.All(parameters, p => Assert.NotEmpty(p.Parameter.Description!));
    }

    [Fact]
    public async Task Names_and_descriptions_have_nothing_of_the_language_that_they_were_made_from()
    {
        var document = await ReadAsync();

        Assert.All(document.Components!.Schemas!.Keys, name => Assert.Matches("^([A-Z][a-z0-9]+)+$", name));

        // As in WireResultOfSpinUpResult.
        Assert.All(document.Components.Schemas.Keys, name => Assert.DoesNotContain("Of", name, StringComparison.Ordinal));
        Assert.Contains("SpinUpAnswer", document.Components.Schemas.Keys);
        Assert.All(
            Schemas(document), s => Assert.DoesNotMatch("&[lg]t;|[A-Za-z]+Description\\.|IReadOnlyList", s.Schema.Description ?? ""));
    }

    private static async Task<string> TextAsync()
    {
        await using var host = await GatewayHost.LocalAsync();
        using var answer = await host.SendAsync("GET", "/openapi/v1.json");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private static async Task<OpenApiDocument> ReadAsync() => OpenApiDocument.Parse(await TextAsync()).Document!;

    private static Dictionary<string, OpenApiOperation> All(OpenApiDocument document) => document.Paths
        .SelectMany(path => path.Value.Operations!.Select(o => ($"{o.Key} {path.Key}", o.Value)))
        .ToDictionary(StringComparer.Ordinal);

    /// <summary>Those with a name, their properties and the parameters. References are left out: what they name is in the list.</summary>
    private static IEnumerable<(string Name, IOpenApiSchema Schema)> Schemas(OpenApiDocument document) =>
        document.Components!.Schemas!
            .SelectMany(s => PropertiesOf(s.Value).Select(p => ($"{s.Key}.{p.Key}", p.Value)).Prepend((s.Key, s.Value)))
            .Concat(All(document).Values.SelectMany(o => o.Parameters ?? []).Select(p => (p.Name!, p.Schema!)))
            .Where(s => s.Item2 is not OpenApiSchemaReference);

    private static IEnumerable<string> Required(IOpenApiSchema schema) =>
        (schema.Required ?? new HashSet<string>()).Order(StringComparer.Ordinal);

    private static IEnumerable<string> NeverNull(IOpenApiSchema schema) =>
        PropertiesOf(schema).Where(p => !MayBeNull(p.Value)).Select(p => p.Key).Order(StringComparer.Ordinal);

    private static IDictionary<string, IOpenApiSchema> PropertiesOf(IOpenApiSchema schema) =>
        schema.Properties ?? new Dictionary<string, IOpenApiSchema>();

    private static bool MayBeNull(IOpenApiSchema schema) => schema is not OpenApiSchemaReference
        && (schema.Type?.HasFlag(JsonSchemaType.Null) == true || schema.OneOf?.Any(MayBeNull) == true);

    private static string Text(IOpenApiParameter parameter) => parameter.Schema is { } schema
        ? $"{parameter.In} {parameter.Name} {schema.Type} {schema.Minimum}-{schema.Maximum} {schema.Default}".TrimEnd()
        : "";

    private static string SchemeOf(string operation) => operation switch
    {
        "PUT /spin_up_mandelbox" => "user",
        _ when IsWire(operation) => "backendInBody",
        _ => "backend",
    };

    private static string StatusesOf(string operation) => operation switch
    {
        _ when IsWire(operation) => "200 400 401 403 406 413 503",
        "GET /healthz" or "GET /readyz" or "GET /metrics" => "200 401 403 503",
        "POST /v1/host/drain" => "202 400 401 403 500 503 504",
        "DELETE /v1/host/drain" => "204 401 403 409 500 503 504",
        "POST /v1/host/restart" => "202 401 403 409 500 503 504",
        "DELETE /v1/mandelboxes/{id}" => "204 400 401 403 404 500 503 504",
        "GET /v1/history" or "GET /v1/events" => "200 400 401 403 500 503 504",
        _ when operation.Contains("{id}", StringComparison.Ordinal) => "200 400 401 403 404 500 503 504",
        _ => "200 401 403 500 503 504",
    };

    private static bool IsWire(string operation) => Array.IndexOf(Operations, operation) < 6;
}

using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using HostService.Infrastructure.Storage.UserConfigs;
using HostService.Tests.Support;

namespace HostService.Tests.Storage.UserConfigs;

/// <summary>A store on the real server, a directory to save, one to fetch into, and a look at what is stored.</summary>
public abstract class S3TestBase : IDisposable
{
    private readonly AmazonS3Client _s3;

    protected S3TestBase(S3Server server)
    {
        Server = server;
        _s3 = new AmazonS3Client(
            new BasicAWSCredentials("S3RVER", "S3RVER"),
            new AmazonS3Config { ServiceURL = server.Url.Length == 0 ? "http://127.0.0.1:1" : server.Url, ForcePathStyle = true, AuthenticationRegion = "us-east-1" });
        Store = Stores.Create(new UserConfigsOptions { ServiceUrl = server.Url });
    }

    protected S3Server Server { get; }

    internal S3UserConfigStore Store { get; }

    protected ScratchDirectory Scratch { get; } = new();

    /// <summary>Another user for each test.</summary>
    protected UserConfigKey Key { get; } = new($"auth0|jane.doe+{Guid.NewGuid():N}@example.com", "dev", "browsers/chrome");

    protected string Source => Scratch.Directory("source");

    /// <summary>As in a mandelbox: there already, and mounted.</summary>
    protected string Target => Scratch.Directory("configs/unpacked_configs");

    public void Dispose()
    {
        Store.Dispose();
        _s3.Dispose();
        Scratch.Dispose();
        GC.SuppressFinalize(this);
    }

    protected Task<SaveAnswer> SaveAsync(string token = Stores.Token) => Store.SaveAsync(Key, ArchiveKey.New(token), Source, CancellationToken.None);

    protected Task<FetchAnswer> FetchAsync(string token = Stores.Token) => Store.FetchAsync(Key, token, Target, CancellationToken.None);

    protected async Task<byte[]> StoredAsync()
    {
        using var answer = await _s3.GetObjectAsync(S3Server.Bucket, Key.ObjectKey);
        using var copy = new MemoryStream();
        await answer.ResponseStream.CopyToAsync(copy);
        return copy.ToArray();
    }

    protected async Task StoreAsync(byte[] content)
    {
        using var body = new MemoryStream(content);
        await _s3.PutObjectAsync(
            new PutObjectRequest { BucketName = S3Server.Bucket, Key = Key.ObjectKey, InputStream = body, UseChunkEncoding = false });
    }

    /// <summary>Nothing but the target itself, and the target empty: no staging left behind either.</summary>
    protected void AssertNothingUnpacked()
    {
        Assert.Empty(Directory.GetFileSystemEntries(Target));
        Assert.Single(Directory.GetFileSystemEntries(Path.GetDirectoryName(Target)!));
    }
}

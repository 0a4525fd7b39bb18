using System.Security.Cryptography.X509Certificates;

namespace HostService.Gateway.Tls;

/// <summary>
/// Key and certificate of a self-signed certificate in files, readable by the owner only. The key's file is locked while the server runs,
/// so that another server with the same directory notices.
/// </summary>
internal sealed class KeptCertificate(string privateRoot) : IDisposable
{
    public const string KeyFile = "key.pem";
    public const string CertificateFile = "cert.pem";

    private readonly FileStream _inUse = File.OpenRead(KeyPath(privateRoot));

    /// <exception cref="GatewayCertificateException">The directory cannot be written to, or is another server's.</exception>
    public static KeptCertificate Write(X509Certificate2 certificate, string privateRoot)
    {
        using var key = certificate.GetECDsaPrivateKey() ?? throw new GatewayCertificateException(
            "The self-signed certificate has no key.");
        try
        {
            Directory.CreateDirectory(privateRoot, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            RefuseOthers(privateRoot);
            Write(KeyPath(privateRoot), key.ExportPkcs8PrivateKeyPem());
            Write(Path.Combine(privateRoot, CertificateFile), certificate.ExportCertificatePem());
            return new KeptCertificate(privateRoot);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new GatewayCertificateException(
                $"Host:PrivateRoot: cannot write the TLS key below {privateRoot}; make it writable for the service's user. "
                    + exception.Message,
                exception);
        }
    }

    /// <summary>Removes the files, and the directory if it is empty then. Missing files are no error.</summary>
    public void Remove()
    {
        Dispose();
        if (!Directory.Exists(privateRoot))
        {
            return;
        }

        File.Delete(KeyPath(privateRoot));
        File.Delete(Path.Combine(privateRoot, CertificateFile));
        if (!Directory.EnumerateFileSystemEntries(privateRoot).Any())
        {
            Directory.Delete(privateRoot);
        }
    }

    public void Dispose() => _inUse.Dispose();

    private static string KeyPath(string privateRoot) => Path.Combine(privateRoot, KeyFile);

    private static void RefuseOthers(string privateRoot)
    {
        try
        {
            // A shared lock of the one that runs forbids this exclusive one; readers such as curl take none.
            using var others = new FileStream(KeyPath(privateRoot), FileMode.Open, FileAccess.Read, FileShare.None);
        }
        catch (FileNotFoundException)
        {
            // No server has its key here.
        }
        catch (IOException exception) when (exception is not DirectoryNotFoundException)
        {
            throw new GatewayCertificateException(
                $"Host:PrivateRoot: another host service that runs has its TLS key in {privateRoot}; "
                + "set Host__PrivateRoot to a directory of its own for each.",
                exception);
        }
    }

    /// <summary>Writes a file that is never incomplete and never readable by others.</summary>
    private static void Write(string path, string text)
    {
        var partial = path + ".new";
        File.Delete(partial);
        using (var file = new FileStream(partial, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            using var writer = new StreamWriter(file);
            writer.Write(text);
            writer.Flush();
            file.Flush(flushToDisk: true);
        }

        File.Move(partial, path, overwrite: true);
    }
}

using System.Net;

namespace HostService.Gateway.Limits;

/// <summary>
/// Bounds how much of one thing callers hold at a time, per address and in all. Loopback and trusted networks have a total of the same size
/// of their own and no bound per address, so that strangers cannot lock them out.
/// </summary>
/// <param name="refused">Called with the address of each refusal.</param>
internal sealed class ClientQuota(long total, long perAddress, TrustedNetworks trusted, Action<IPAddress?> refused)
{
    private readonly Share _strangers = new(total, perAddress);
    private readonly Share _trusted = new(total, total);

    /// <summary>How much is held now, by everybody together.</summary>
    public long Held => _strangers.Held + _trusted.Held;

    /// <summary>Takes an amount until the lease is disposed; null when there is not that much left for the remote address.</summary>
    public Lease? TryTake(IPAddress? remote, IPAddress? local, long amount)
    {
        var lease = new Lease(trusted.Contains(remote, local) ? _trusted : _strangers, remote, refused);
        return lease.TryAdd(amount) ? lease : null;
    }

    /// <summary>An amount that one caller holds. Not thread-safe.</summary>
    internal sealed class Lease(Share share, IPAddress? address, Action<IPAddress?> refused) : IDisposable
    {
        private readonly IPAddress _client = AddressList.Client(address);
        private long _amount;

        /// <summary>Takes more; false, and nothing is taken, when there is not that much left.</summary>
        public bool TryAdd(long amount)
        {
            if (!share.TryTake(_client, amount))
            {
                refused(address);
                return false;
            }

            _amount += amount;
            return true;
        }

        public void Dispose()
        {
            share.Return(_client, _amount);
            _amount = 0;
        }
    }

    internal sealed class Share(long total, long perAddress)
    {
        private readonly Lock _gate = new();

        // Only addresses that hold something, so the total bounds the table, too.
        private readonly Dictionary<IPAddress, long> _heldBy = [];
        private long _held;

        public long Held
        {
            get
            {
                lock (_gate)
                {
                    return _held;
                }
            }
        }

        public bool TryTake(IPAddress client, long amount)
        {
            lock (_gate)
            {
                var held = _heldBy.GetValueOrDefault(client);
                if (amount > perAddress - held || amount > total - _held)
                {
                    return false;
                }

                Set(client, held + amount);
                _held += amount;
                return true;
            }
        }

        public void Return(IPAddress client, long amount)
        {
            lock (_gate)
            {
                Set(client, _heldBy.GetValueOrDefault(client) - amount);
                _held -= amount;
            }
        }

        private void Set(IPAddress client, long held)
        {
            if (held > 0)
            {
                _heldBy[client] = held;
            }
            else
            {
                _heldBy.Remove(client);
            }
        }
    }
}

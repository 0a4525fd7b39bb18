Console.WriteLine("host-service");
